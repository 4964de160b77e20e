/** Messages of every shape that a check of content may meet. Content: without dot-stuffing, one character per octet. */

const top = "From: ann@far.example\r\nTo: anna@kontor.example\r\n";

function multipart(parts: readonly string[], close = "--edge--\r\n"): string {
  const all = parts.map((part) => `--edge\r\n${part}\r\n`).join("");
  return `${top}Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="edge"\r\n\r\n${all}${close}`;
}

function nested(levels: number): string {
  let body = "Content-Type: text/plain\r\n\r\nin the middle\r\n";
  for (let i = levels; i > 0; i--) {
    body = `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n${body}\r\n--b${i}--\r\n`;
  }
  return `${top}Subject: deep\r\nMIME-Version: 1.0\r\n${body}`;
}

const textPart = "Content-Type: text/plain\r\n\r\nHello\r\n";

/** By name; `mark` is in each that has room for a text of one's own. */
export const shapes: Readonly<Record<string, (mark: string) => string>> = {
  "0 bytes": () => "",
  "an empty line": () => "\r\n",
  "a text": (mark) => `${top}Subject: hello\r\n\r\nHello ${mark}\r\n`,
  "a header alone": (mark) => `${top}X-Id: ${mark}\r\n`,
  "no header": (mark) => `Just a text ${mark}\r\nSubject: in the body\r\n`,
  "a blank first": (mark) => ` folded into nothing\r\nSubject: ${mark}\r\n\r\nHello\r\n`,
  "an mbox separator": (mark) => `From ann@far.example Sat Nov 28 10:00:00 2026\r\n${top}\r\n${mark}\r\nFrom here\r\n`,
  "1000 parts": (mark) => multipart([`${textPart}${mark}`, ...Array.from({ length: 999 }, () => textPart)]),
  "200 levels": (mark) => `X-Id: ${mark}\r\n${nested(200)}`,
  "no such boundary": (mark) => multipart([textPart, mark]).replaceAll("--edge", "--elsewhere"),
  "no last boundary": (mark) => multipart([textPart, `Content-Type: text/html\r\n\r\n<p>${mark}`], ""),
  "boundaries within parts": (mark) =>
    multipart([
      `Content-Type: multipart/mixed; boundary="edge"\r\n\r\n--edge\r\n${textPart}${mark}`,
      "--edge--",
      "--edge",
    ]),
  "an empty boundary": (mark) => multipart([mark]).replace('boundary="edge"', 'boundary=""'),
  "8-bit headers": (mark) =>
    `${top}Subject: \xfcber \xc3\xbc \xff\r\nX-\xe4: name\r\nX-Id: ${mark}\r\nContent-Type: text/\xe4; charset=\xff\r\n\r\n\x80\x81\xff\r\n`,
  "a line without end": (mark) => `${top}Subject: long\r\n\r\n${mark}${"x".repeat(300_000)}\r\n`,
  "a field without end": (mark) => `${top}X-Id: ${mark}\r\nX-Long: ${"y".repeat(20_000)}\r\n\r\nHello\r\n`,
  "dots everywhere": (mark) =>
    `.Dot: field\r\n${top}..: x\r\nX-Id: ${mark}\r\n\r\n.\r\n..\r\n.x\r\n...\r\n${".\r\n".repeat(200)}.end\r\n`,
  "dots and no header": (mark) => `.\r\n.\r\n..${mark}\r\n.\r\n`,
  "lines that are no fields": (mark) => `${top}no field\r\nX-Id: ${mark}\r\n\tfolded\r\n \r\n\r\nHello\r\n`,
  "a blank continuation": (mark) => `${top}X-Id: ${mark}\r\nX-Fold: a\r\n \r\n\tb\r\n\r\nHello\r\n`,
  "blanks before colons": (mark) => `${top}Subject : old\r\nX-Id\t: ${mark}\r\n\r\nHello\r\n`,
  "base64 that is none": (mark) =>
    multipart([`Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n=====${mark}!!!\r\n`]),
  "fields of ours": (mark) =>
    `X-Spam-Flag: NO\r\nX-Virus-Found: No\r\n${top}X-Id: ${mark}\r\nX-Virus-Checked: by me\r\nX-Mark: forged\r\n folded\r\nX-Spam: No\r\nX-Old: 1\r\nSubject: \r\n\r\nHello\r\n`,
  "control characters": (mark) => `${top}Subject: \x01\x02\x1b[31m\r\n\r\n${mark}\x7f\x0b\x0c\x1a\t\r\n`,
};

/** With dot-stuffing, without the final dot. */
export function wireOf(content: string): Buffer {
  return Buffer.from(content.replaceAll(/^\./gm, ".."), "latin1");
}

/** The content as the relay passes it on where no check changes it: its first line never continues the relay's fields. */
export function asPassedOn(content: string): string {
  if (/^>*From /.test(content)) {
    const at = content.indexOf("\n") + 1;
    return `X-Mailbox-Line: ${content.slice(0, at)}${asPassedOn(content.slice(at))}`;
  }
  const isField = content === "" || /^(?:\r\n|[\x21-\x39\x3b-\x7e]+[ \t]*:)/.test(content);
  return isField ? content : `\r\n${content}`;
}
