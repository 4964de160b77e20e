/**
 * Says of a key that it is surely not in a list, without looking there: a Bloom filter. Strangers ask mostly about
 * unknown addresses, and each would bring a page of the list into memory.
 */

/** Bits for each key, and how many of them are set: 1 of 700 unknown keys is looked for in vain. */
const bitsPerKey = 14;
const probes = 7;
/** What one filter may take, in bytes: 73 million keys. */
const mostBytes = 128_000_000;

/** A filter that grows, then answers. */
export class KeyFilter {
  /** As it is kept in a file. */
  readonly bytes: Uint8Array;
  readonly #bits: number;

  /** @param bytes of a filter that was kept; not an empty one */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#bits = bytes.length * 8;
  }

  /** An empty one for so many keys. */
  static ofSize(keys: number): KeyFilter {
    const bytes = Math.ceil((Math.max(1, keys) * bitsPerKey) / 8);
    return new KeyFilter(new Uint8Array(Math.min(mostBytes, bytes)));
  }

  /** Adds a key. */
  add(key: string): void {
    const { bytes } = this;
    const step = hash(key, 0x9e37_79b1) | 1;
    let at = hash(key, 0x811c_9dc5);
    for (let probe = 0; probe < probes; probe++, at = (at + step) >>> 0) {
      const bit = at % this.#bits;
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  /** False: the key was never added. */
  mayHave(key: string): boolean {
    const { bytes } = this;
    const step = hash(key, 0x9e37_79b1) | 1;
    let at = hash(key, 0x811c_9dc5);
    for (let probe = 0; probe < probes; probe++, at = (at + step) >>> 0) {
      const bit = at % this.#bits;
      if (((bytes[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) {
        return false;
      }
    }
    return true;
  }
}

/** FNV-1a over UTF-16 code units, with another start, and mixed at the end as MurmurHash3 does. */
function hash(text: string, start: number): number {
  let value = start;
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x0100_0193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
