/** Messages with parts, for tests. */

/** A part: its header fields, or a whole one that {@link container} made. */
export type PartText = string;

/** A part of text. */
export function part(fields: string, body = "x"): PartText {
  return `${fields}\r\n\r\n${body}\r\n`;
}

let edges = 0;

/** A part that holds others. */
export function container(parts: readonly PartText[], type = "multipart/mixed"): PartText {
  const edge = `edge${edges++}`;
  return `Content-Type: ${type}; boundary=${edge}\r\n\r\n--${edge}\r\n${parts.join(`--${edge}\r\n`)}--${edge}--\r\n`;
}

/** A part within so many containers. */
export function nested(inner: PartText, levels: number): PartText {
  return levels === 0 ? inner : nested(container([inner]), levels - 1);
}

/** A message with fields in front. */
export function message(inner: PartText): string {
  return `From: a@far.test\r\nSubject: hello\r\nMIME-Version: 1.0\r\n${inner}`;
}
