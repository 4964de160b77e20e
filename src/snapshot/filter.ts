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
    hash(key);
    let at = first;
    for (let probe = 0; probe < probes; probe++, at = (at + step) >>> 0) {
      const bit = at % this.#bits;
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  /** False: the key was never added. */
  mayHave(key: string): boolean {
    const { bytes } = this;
    hash(key);
    let at = first;
    for (let probe = 0; probe < probes; probe++, at = (at + step) >>> 0) {
      const bit = at % this.#bits;
      if (((bytes[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) {
        return false;
      }
    }
    return true;
  }
}

/** Gives the memory of a filter back now, not at the next collection of garbage. The filter must not be asked any more. */
export function freeBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) {
    buffer.transfer(0);
  }
}

/** What a key's probes begin with, and how far they are apart; of the key that was hashed last. */
let first = 0;
let step = 0;

/** FNV-1a over UTF-16 code units, with two starts at once, each mixed at the end as MurmurHash3 does. */
function hash(key: string): void {
  let one = 0x811c_9dc5;
  let other = 0x9e37_79b1;
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    one = Math.imul(one ^ unit, 0x0100_0193);
    other = Math.imul(other ^ unit, 0x0100_0193);
  }
  first = mix(one);
  step = mix(other) | 1;
}

function mix(hashed: number): number {
  let value = Math.imul(hashed ^ (hashed >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
