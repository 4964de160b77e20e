/**
 * An entry of a search, read from the octets of its message. RFC 4511 4.5.2, X.690 8. Everything else that a server
 * says is read by ldapts; of entries there may be millions, and they are read here in a fraction of the time.
 */
import { decodeValue } from "../entry.ts";

/** One entry as the server sent it. */
export interface FoundEntry {
  readonly messageId: number;
  /** Its DN. */
  readonly name: string;
  readonly attributes: readonly FoundAttribute[];
}

const tags = { integer: 0x02, octets: 0x04, sequence: 0x30, set: 0x31, entry: 0x64 } as const;
/** Octets of a message that is read as one text: whoever keeps a part of a text keeps all of it. */
const maxText = 4096;

/** Attributes of an entry whose names are remembered, and the length of such a name. */
const maxTypes = 64;
/** Names of the attributes of the last entries, by their place: most entries have the same ones in the same order. */
const latestTypes: string[] = [];

/** One attribute of an entry. */
export class FoundAttribute {
  /** As the server wrote it, with its options. */
  readonly type: string;
  /** See `decodeValue`. */
  readonly values: readonly string[];
  readonly #message: Buffer;
  /** Where its values begin. */
  readonly #at: number;

  constructor(type: string, values: readonly string[], message: Buffer, at: number) {
    this.type = type;
    this.values = values;
    this.#message = message;
    this.#at = at;
  }

  /** The values as they came. */
  get octets(): readonly Buffer[] {
    const elements = new Elements(this.#message, this.#at);
    return this.values.map(() => {
      const end = elements.enter(tags.octets, this.#message.length);
      const start = elements.at;
      elements.at = end;
      return this.#message.subarray(start, end);
    });
  }
}

/**
 * Reads a message, which is complete.
 * @returns undefined if it is anything but an entry
 * @throws RangeError if an element does not fit into the one around it, or is of another type than it must be
 */
export function readFoundEntry(message: Buffer): FoundEntry | undefined {
  const elements = new Elements(message, 0);
  const end = elements.enter(tags.sequence, message.length);
  const messageId = elements.integer(end);
  if (message[elements.at] !== tags.entry) {
    return undefined;
  }
  const texts = textsOf(message);
  // Controls may come behind it: none that is asked for has anything to say here.
  const endOfEntry = elements.enter(tags.entry, end);
  const name = elements.text(endOfEntry, texts);
  const endOfList = elements.enter(tags.sequence, endOfEntry);
  const attributes: FoundAttribute[] = [];
  while (elements.at < endOfList) {
    const endOfAttribute = elements.enter(tags.sequence, endOfList);
    const type = elements.known(endOfAttribute, texts, attributes.length);
    const endOfValues = elements.enter(tags.set, endOfAttribute);
    const start = elements.at;
    const values: string[] = [];
    while (elements.at < endOfValues) {
      values.push(elements.text(endOfValues, texts));
    }
    attributes.push(new FoundAttribute(type, values, message, start));
    elements.at = endOfAttribute;
  }
  return { messageId, name, attributes };
}

/** The text from one octet to another. */
type Texts = (start: number, end: number) => string;

/** Nearly all values are ASCII: parts of one text, which costs a fraction of a text for each. */
function textsOf(message: Buffer): Texts {
  const all = message.length <= maxText ? message.toString("latin1") : undefined;
  return (start, end) =>
    all !== undefined && isAscii(message, start, end)
      ? all.slice(start, end)
      : decodeValue(message.subarray(start, end));
}

/** Whether octets are those of a text in ASCII. */
function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) {
    return false;
  }
  for (let at = start; at < end; at += 1) {
    const octet = bytes[at] ?? 0;
    if (octet >= 0x80 || octet !== text.charCodeAt(at - start)) {
      return false;
    }
  }
  return true;
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if ((bytes[at] ?? 0) >= 0x80) {
      return false;
    }
  }
  return true;
}

/** Goes through elements of definite length, one after another. */
class Elements {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Goes to the content of an element. @param within where it must have ended @returns where it ends */
  enter(tag: number, within: number): number {
    const bytes = this.#bytes;
    const first = bytes[this.at + 1] ?? 0;
    if (this.at + 2 > within || bytes[this.at] !== tag) {
      throw new RangeError(`an entry without the element 0x${tag.toString(16)} at octet ${this.at}`);
    }
    this.at += 2;
    let length = first;
    if (first >= 0x80) {
      const size = first & 0x7f;
      if (size === 0 || size > 4 || this.at + size > within) {
        throw new RangeError(`an entry with a length of unknown form at octet ${this.at}`);
      }
      length = bytes.readUIntBE(this.at, size);
      this.at += size;
    }
    const end = this.at + length;
    if (end > within) {
      throw new RangeError(`an entry with an element that is too long at octet ${this.at}`);
    }
    return end;
  }

  text(within: number, texts: Texts): string {
    const end = this.enter(tags.octets, within);
    const text = texts(this.at, end);
    this.at = end;
    return text;
  }

  /** The name of an attribute: the very text of the entry before, where that has the same one at this place. */
  known(within: number, texts: Texts, place: number): string {
    const end = this.enter(tags.octets, within);
    const before = latestTypes[place];
    const type = before !== undefined && isText(this.#bytes, this.at, end, before) ? before : texts(this.at, end);
    if (place < maxTypes && type !== before && type.length <= maxTypes) {
      // A copy: a part of a text would keep all of it.
      latestTypes[place] = Buffer.from(type).toString();
    }
    this.at = end;
    return type;
  }

  integer(within: number): number {
    const end = this.enter(tags.integer, within);
    const size = end - this.at;
    if (size === 0 || size > 4) {
      throw new RangeError("a message without a number");
    }
    const value = this.#bytes.readIntBE(this.at, size);
    this.at = end;
    return value;
  }
}
