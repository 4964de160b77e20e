/**
 * An entry of a search, in the octets of its message. RFC 4511 4.5.2. Everything else that a server says is read by
 * ldapts; of entries there may be millions, and most of them never become more than a few octets that are compared.
 */
import { decodeValue } from "../entry.ts";
import { contentOf, contentsOf, endOf, integerOf, tags } from "./elements.ts";

/** One attribute of an entry. */
export interface FoundAttribute {
  /** As the server wrote it, with its options. */
  readonly type: string;
  /** See `decodeValue`. */
  readonly values: readonly string[];
  /** The values as they came. */
  readonly octets: readonly Buffer[];
}

/**
 * One entry as the server sent it: it is as long as its message says, and what is in it may be anything until
 * {@link FoundEntry.check} has seen it. After that nothing here throws.
 */
export class FoundEntry {
  readonly messageId: number;
  /** What it is in; other messages may be there, too. */
  readonly bytes: Buffer;
  /** Where its DN begins, as an element. */
  readonly at: number;
  /** Where its last attribute ends. */
  readonly end: number;

  constructor(messageId: number, bytes: Buffer, at: number, end: number) {
    this.messageId = messageId;
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** @throws RangeError if an element does not fit into the one around it, or is of another type than it must be */
  check(): void {
    const { bytes, end } = this;
    const list = endOf(bytes, this.at, tags.octets, end);
    for (let attribute = contentOf(bytes, list); attribute < end;) {
      attribute = checkAttribute(bytes, attribute, end);
    }
  }

  /** Its DN. */
  get name(): string {
    const { bytes, at, end } = this;
    return decodeValue(bytes, contentOf(bytes, at), endOf(bytes, at, tags.octets, end));
  }

  /** Read at each call. */
  get attributes(): readonly FoundAttribute[] {
    const { bytes, end } = this;
    const list = endOf(bytes, this.at, tags.octets, end);
    return contentsOf(bytes, contentOf(bytes, list), end, tags.sequence).map(([at, endOfAttribute]) => {
      const set = endOf(bytes, at, tags.octets, endOfAttribute);
      const values = contentsOf(bytes, contentOf(bytes, set), endOf(bytes, set, tags.set, endOfAttribute), tags.octets);
      return {
        type: decodeValue(bytes, contentOf(bytes, at), set),
        values: values.map(([from, to]) => decodeValue(bytes, from, to)),
        get octets() {
          return values.map(([from, to]) => bytes.subarray(from, to));
        },
      };
    });
  }
}

/**
 * Reads a message, which is complete; the attributes of an entry are still to be checked.
 * @param at where it begins
 * @param end where it ends
 * @returns undefined if it is anything but an entry
 * @throws RangeError if an element does not fit into the one around it, or is of another type than it must be
 */
export function readFoundEntry(bytes: Buffer, at = 0, end = bytes.length): FoundEntry | undefined {
  const endOfMessage = endOf(bytes, at, tags.sequence, end);
  const id = contentOf(bytes, at);
  const messageId = integerOf(bytes, id, endOfMessage);
  const operation = endOf(bytes, id, tags.integer, endOfMessage);
  if (bytes[operation] !== tags.entry) {
    return undefined;
  }
  // Controls may come behind it: none that is asked for has anything to say here.
  const endOfEntry = endOf(bytes, operation, tags.entry, endOfMessage);
  const name = contentOf(bytes, operation);
  const list = endOf(bytes, name, tags.octets, endOfEntry);
  return new FoundEntry(messageId, bytes, name, endOf(bytes, list, tags.sequence, endOfEntry));
}

/** @returns where it ends @throws RangeError as above */
function checkAttribute(bytes: Buffer, at: number, within: number): number {
  const end = endOf(bytes, at, tags.sequence, within);
  const set = endOf(bytes, contentOf(bytes, at), tags.octets, end);
  const endOfValues = endOf(bytes, set, tags.set, end);
  for (let value = contentOf(bytes, set); value < endOfValues;) {
    value = endOf(bytes, value, tags.octets, endOfValues);
  }
  return end;
}
