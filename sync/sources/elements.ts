/**
 * Elements of definite length, one after another: where each begins and ends among the octets of a message. X.690 8.1,
 * RFC 4511 5.1.
 */

/** The first octet of an element: what it is. `entry` is RFC 4511's SearchResultEntry. */
export const tags = { integer: 0x02, octets: 0x04, sequence: 0x30, set: 0x31, entry: 0x64 } as const;

/** Octets of a length that are read. */
const maxSize = 4;

/** Where the content of the element begins that begins there. */
export function contentOf(bytes: Buffer, at: number): number {
  const first = bytes[at + 1] ?? 0;
  return first < 0x80 ? at + 2 : at + 2 + (first & 0x7f);
}

/**
 * Where that element ends.
 * @param within where it must have ended
 * @throws RangeError if it does not fit in there, or is of another type
 */
export function endOf(bytes: Buffer, at: number, tag: number, within: number): number {
  if (at + 2 > within || bytes[at] !== tag) {
    throw new RangeError(`an entry without the element 0x${tag.toString(16)} at octet ${at}`);
  }
  const first = bytes[at + 1] ?? 0;
  const end = first < 0x80 ? at + 2 + first : endOfLong(bytes, at, first & 0x7f, within);
  if (end > within) {
    throw new RangeError(`an entry with an element that is too long at octet ${at}`);
  }
  return end;
}

/** The same with a length of several octets. */
function endOfLong(bytes: Buffer, at: number, size: number, within: number): number {
  const content = at + 2 + size;
  if (size === 0 || size > maxSize || content > within) {
    throw new RangeError(`an entry with a length of unknown form at octet ${at}`);
  }
  return content + numberIn(bytes, at + 2, content);
}

/** The whole number that some octets are, the highest one first. */
export function numberIn(bytes: Buffer, start: number, end: number): number {
  let number = 0;
  for (let octet = start; octet < end; octet += 1) {
    number = number * 0x100 + (bytes[octet] ?? 0);
  }
  return number;
}

/** Where the content of each of several begins and ends. @throws RangeError as above */
export function contentsOf(bytes: Buffer, from: number, to: number, tag: number): [start: number, end: number][] {
  const found: [number, number][] = [];
  for (let at = from; at < to;) {
    const end = endOf(bytes, at, tag, to);
    found.push([contentOf(bytes, at), end]);
    at = end;
  }
  return found;
}

/**
 * A whole number.
 * @throws RangeError if it is none, or larger than RFC 4511 4.1.1 allows
 */
export function integerOf(bytes: Buffer, at: number, within: number): number {
  const end = endOf(bytes, at, tags.integer, within);
  const content = contentOf(bytes, at);
  const size = end - content;
  if (size === 0 || size > 4) {
    throw new RangeError("a message without a number");
  }
  let value = (bytes[content] ?? 0) < 0x80 ? 0 : -1;
  for (let octet = content; octet < end; octet += 1) {
    value = (value << 8) | (bytes[octet] ?? 0);
  }
  return value;
}
