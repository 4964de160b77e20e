/**
 * Cuts a byte stream into LDAP messages. RFC 4511 5.1: each is one BER SEQUENCE of definite length.
 * Bounded: a server that announces more than the ceiling is refused before a byte of it is kept.
 */

import { numberIn } from "./elements.ts";

/** Bytes of one message: an entry with a very large group, or a photograph, stays far below. */
export const maxMessage = 16 * 1024 * 1024;

/** Messages one after another, the first one at the beginning. */
export interface Messages {
  readonly bytes: Buffer;
  /** Where each ends. */
  readonly ends: readonly number[];
}

const none: Messages = { bytes: Buffer.alloc(0), ends: [] };

export interface Framer {
  /**
   * Takes what arrived, returns the messages that are complete now.
   * @throws RangeError if the bytes are not LDAP, or a message is over the ceiling
   */
  push(chunk: Buffer): Messages;
  /** Bytes of a message that has not fully arrived. */
  readonly pending: number;
}

/** A framer for one connection. */
export function createFramer(ceiling: number = maxMessage): Framer {
  let parts: Buffer[] = [];
  let pending = 0;
  let wanted = 0;
  const take = (): Buffer => {
    const whole = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts, pending);
    parts = [];
    pending = 0;
    return whole;
  };
  return {
    get pending() {
      return pending;
    },
    push(chunk) {
      parts.push(chunk);
      pending += chunk.length;
      if (pending < wanted) {
        return none;
      }
      const ends: number[] = [];
      const bytes = take();
      let at = 0;
      for (;;) {
        wanted = messageLength(bytes, at, ceiling);
        if (wanted === 0 || bytes.length - at < wanted) {
          break;
        }
        at += wanted;
        ends.push(at);
      }
      pending = bytes.length - at;
      parts = pending === 0 ? [] : [bytes.subarray(at)];
      return { bytes, ends };
    },
  };
}

/** Length of the message that begins there, with its header; 0 while the header has not fully arrived. */
function messageLength(bytes: Buffer, at: number, ceiling: number): number {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined) {
    return 0;
  }
  if (tag !== 0x30) {
    throw new RangeError(`no LDAP message: it begins with byte 0x${tag.toString(16)}`);
  }
  if (first === undefined) {
    return 0;
  }
  if (first < 0x80) {
    return first + 2;
  }
  const size = first & 0x7f;
  if (size === 0 || size > 4) {
    throw new RangeError("no LDAP message: length of unknown form");
  }
  const content = at + 2 + size;
  if (bytes.length < content) {
    return 0;
  }
  const length = 2 + size + numberIn(bytes, at + 2, content);
  if (length > ceiling) {
    throw new RangeError(`LDAP message of ${length} bytes is over the limit of ${ceiling}`);
  }
  return length;
}

/** Bind response, search result done, extended response. */
const resultTags = new Set([0x61, 0x65, 0x78]);

/** Whether a result lacks its code, which ldapts would read as 0: success. RFC 4511 4.1.9: 7 bytes at least. */
export function isCutShort(message: Buffer): boolean {
  const size = message[1] ?? 0;
  const id = size < 0x80 ? 2 : 2 + (size & 0x7f);
  const operation = id + 2 + (message[id + 1] ?? 0);
  return resultTags.has(message[operation] ?? 0) && (message[operation + 1] ?? 0) < 7;
}
