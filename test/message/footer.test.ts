/** A text behind messages of every shape: as mail programs make them, and as random octets. */
import { Readable } from "node:stream";
import { text as textOf } from "node:stream/consumers";

import fc from "fast-check";
import libqp from "libqp";
import { describe, expect, it } from "vitest";

import { bodyWithText, footerPlace, wrapWithText } from "../../src/message/footer.ts";
import { MimeReader } from "../../src/message/mime.ts";
import type { MimeTree } from "../../src/message/mime.ts";

const footer = "-- \r\nThe team\r\n";
const umlauts = "-- \r\nGrüße\r\n";

async function treeOf(message: Buffer): Promise<MimeTree> {
  const reader = new MimeReader();
  await reader.take(message);
  return reader.tree();
}

async function* pieces(message: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < message.length; at += size) {
    yield message.subarray(at, at + size);
  }
}

/** The new body; if the message is wrapped, with the new fields in front of it. */
async function withFooter(message: string, text: string, size = 1_000_000): Promise<string | undefined> {
  const octets = Buffer.from(message, "latin1");
  const place = footerPlace(await treeOf(octets), text);
  if (place === undefined) {
    return undefined;
  }
  const read = async (body: AsyncIterable<Buffer>) => Buffer.concat(await Array.fromAsync(body)).toString("latin1");
  if (place.kind === "behind") {
    return read(bodyWithText(pieces(octets, size), place, text));
  }
  const { fields, body } = await wrapWithText(pieces(octets, size), text);
  return `${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${await read(body)}`;
}

const mixed = (...parts: readonly string[]): string =>
  `Content-Type: multipart/mixed; boundary="b"\r\n\r\npre\r\n${parts.map((part) => `--b\r\n${part}\r\n`).join("")}--b--\r\nepi\r\n`;

describe("a text at the end of a message", () => {
  it("is put behind a plain message, whatever its last line", async () => {
    expect(await withFooter("Subject: s\r\n\r\nhello\r\n", footer)).toBe(`hello\r\n${footer}`);
    expect(await withFooter("Subject: s\r\n\r\nhello", footer)).toBe(`hello\r\n${footer}`);
    expect(await withFooter("Subject: s\r\n\r\n", footer)).toBe(footer);
  });

  it("is put behind the first text of several parts, and no other octet changes", async () => {
    const html = "Content-Type: text/html\r\n\r\n<p>hello</p>\r\n";
    const message = mixed(html, "Content-Type: text/plain\r\n\r\nhello\r\n", "\r\nsecond");
    const wanted = message
      .slice(message.indexOf("\r\n\r\n") + 4)
      .replace("\r\n\r\nhello\r\n", `\r\n\r\nhello\r\n${footer}`);
    expect(await withFooter(message, footer)).toBe(wanted);
  });

  it("ends the line of an empty part in front of a boundary", async () => {
    expect(await withFooter("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n", footer)).toBe(
      `--b\r\n\r\n${footer}\r\n--b--\r\n`,
    );
  });

  it("is written in the encoding of the text", async () => {
    const head = "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: ";
    const qp = await withFooter(`${head}quoted-printable\r\n\r\nhell=C3=B6 =\r\n`, umlauts);
    expect(libqp.decode(qp ?? "").toString()).toBe(`hellö ${umlauts}`.replace("ö ", "ö \r\n"));
    const long = Buffer.from("hellö\r\n".repeat(100)).toString("base64").replaceAll(/.{72}/g, "$&\r\n");
    const base64 = await withFooter(`${head}base64\r\n\r\n${long}`, umlauts, 7);
    expect(Buffer.from(base64 ?? "", "base64").toString()).toBe(`${"hellö\r\n".repeat(100)}${umlauts}`);
    expect((base64 ?? "").split("\r\n").every((line) => line.length <= 76)).toBe(true);
    const wide = await withFooter(`${head}8bit\r\n\r\nhell\xc3\xb6\r\n`, umlauts);
    expect(Buffer.from(wide ?? "", "latin1").toString()).toBe(`hellö\r\n${umlauts}`);
  });

  it.each([
    [
      "HTML alone",
      "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>\xc3\xbc\r\n",
      footer,
    ],
    ["another charset", "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nhell\xf6\r\n", umlauts],
    ["7 bits that are too few", "Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n", umlauts],
    [
      "UTF-16",
      'Content-Type: text/plain; charset="utf-16"\r\nContent-Transfer-Encoding: base64\r\n\r\naABpAA==\r\n',
      footer,
    ],
    [
      "a text that is attached alone",
      "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nfile\r\n",
      footer,
    ],
    [
      "a text of a forwarded message alone",
      mixed("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nforwarded\r\n"),
      footer,
    ],
  ])("becomes a part of its own beside %s", async (_, message, text) => {
    const wrapped = (await withFooter(message, text, 5)) ?? "";
    const { parts } = await treeOf(Buffer.from(wrapped, "latin1"));
    const before = await treeOf(Buffer.from(message, "latin1"));
    expect(parts.map(({ type }) => type)).toEqual([
      "multipart/mixed",
      ...before.parts.map(({ type }) => type),
      "text/plain",
    ]);
    expect(wrapped).toContain(`\r\n${message}\r\n--goodmailto-`.replace("Subject: s\r\n", ""));
    const encoded = text === footer ? text : Buffer.from(text).toString("base64");
    expect(wrapped).toContain(encoded);
  });

  it.each([
    'multipart/signed; boundary=b; protocol="application/pgp-signature"',
    "multipart/encrypted; boundary=b",
    "application/pkcs7-mime; smime-type=signed-data",
  ])("is not put behind %s", async (type) => {
    expect(await withFooter(`Content-Type: ${type}\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n`, footer)).toBeUndefined();
    expect(await withFooter(mixed(`Content-Type: ${type}\r\n\r\nhello`), footer)).toBeUndefined();
  });

  it("leaves every octet in front of it as it was, in any pieces", async () => {
    const anyPart = fc.record({
      head: fc.constantFrom(
        "",
        "Content-Type: text/html\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n",
      ),
      lines: fc.array(fc.stringMatching(/^[\x01-\x09\x0b\x0c\x0e-\xff]{0,30}$/), { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyPart, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        async (parts, size) => {
          const message = mixed(...parts.map(({ head, lines }) => `${head}\r\n${lines.join("\r\n")}`));
          const done = (await withFooter(message, "[the footer]\r\n", size)) ?? "";
          const body = message.slice(message.indexOf("\r\n\r\n") + 4);
          expect(done.split("[the footer]")).toHaveLength(2);
          const [before = "", after = ""] = done.split("[the footer]\r\n");
          if (!done.includes("--goodmailto-")) {
            const kept = before.endsWith("\r\n") && !body.startsWith(before + after) ? before.slice(0, -2) : before;
            expect([body, body.replace(/\r\n$/, "")]).toContain(body.startsWith(kept) ? body : kept);
            expect(body.endsWith(after.replace(/^\r\n/, ""))).toBe(true);
          } else {
            expect(before).toContain(body);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("does not end where the message cannot be read", async () => {
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from("Subject: s\r\n\r\nhello");
        throw new Error("gone");
      })(),
    );
    const body = bodyWithText(broken, { kind: "behind", part: 0, encoding: "plain" }, footer);
    await expect(textOf(Readable.from(body))).rejects.toThrow("gone");
  });
});
