/** SMTP replies as values: made once, written by one place. RFC 5321 4.2, enhanced codes RFC 3463. */

/** A reply for an untrusted client: says nothing of rules, files or programs. */
export interface Reply {
  readonly code: number;
  /** Every line with its CRLF, ready to be written. */
  readonly wire: string;
  /** The next hop's own code, if the client gets another reply; 0: none. */
  readonly said?: number;
  /** Of a next hop that refused, or that took a message: what it said. */
  readonly hop?: HopAnswer;
}

/** A next hop's own words, for the record. */
export interface HopAnswer {
  /** Where it is: "inside.example:25", or the place of another courier. */
  readonly at: string;
  /** In one line. */
  readonly said: string;
}

/** Reply lines are at most 512 octets with CRLF, RFC 5321 4.5.3.1.5. */
const maxText = 500;

/** Printable ASCII only, at most 500 characters: nothing in a reply can forge a second one. */
export function printable(text: string): string {
  const clean = /[^\x20-\x7e]/.test(text) ? text.replace(/[^\x20-\x7e]/g, "?") : text;
  return clean.length > maxText ? clean.slice(0, maxText) : clean;
}

/**
 * Makes a reply. Every line has the enhanced code, as RFC 2034 4 asks.
 * @param enhanced for example "5.1.1"; "" for greetings and EHLO answers, which have none
 */
export function reply(code: number, enhanced: string, ...lines: readonly string[]): Reply {
  const prefix = enhanced === "" ? "" : `${enhanced} `;
  const last = lines.length - 1;
  const wire = lines.map((line, i) => `${code}${i < last ? "-" : " "}${prefix}${printable(line)}\r\n`).join("");
  return { code, wire };
}

/**
 * A reply from text that already begins with its code, as plugins and next hops write it. Undefined if the text does
 * not begin with `[2-5]dd` and a blank, a hyphen or nothing.
 */
export function parseReply(text: string): Reply | undefined {
  const match = /^([2-5]\d\d)(?:[ -](.*))?$/s.exec(text);
  if (match === null) {
    return undefined;
  }
  return { code: Number(match[1]), wire: `${match[1]} ${printable(match[2] ?? "")}\r\n` };
}

/** A reply of a next hop, line by line as it said it. */
export function replyOfLines(code: number, lines: readonly string[]): Reply {
  const last = lines.length - 1;
  return { code, wire: lines.map((line, i) => `${code}${i < last ? "-" : " "}${printable(line)}\r\n`).join("") };
}

/** The same reply with another code. */
export function withCode({ wire }: Reply, code: number, said: number): Reply {
  return { code, wire: wire.replace(/^\d{3}/gm, String(code)), said };
}

/** The reply's lines joined for a log or a terminal, without CRLF. */
export function replyText(answer: Reply): string {
  return answer.wire.trimEnd().replaceAll("\r\n", " / ");
}
