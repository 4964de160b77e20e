/** Reads a constant database, https://cr.yp.to/cdb/cdb.txt. Whatever the bytes: a damaged one has fewer keys. */

const headerSize = 2048;

/** The hash of keys. */
export function hashKey(key: Buffer): number {
  let hash = 5381;
  for (const byte of key) {
    hash = (((hash << 5) + hash) ^ byte) >>> 0;
  }
  return hash;
}

/** See the file's first line. */
export class Cdb {
  readonly #bytes: Buffer;

  /** @throws RangeError where it is too short to be one, or its tables lie beyond its end: a file half copied */
  constructor(bytes: Buffer) {
    if (bytes.length < headerSize) {
      throw new RangeError("Cannot read cdb: shorter than its header");
    }
    for (let at = 0; at < headerSize; at += 8) {
      if (bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 8 > bytes.length) {
        throw new RangeError("Cannot read cdb: a table lies beyond its end");
      }
    }
    this.#bytes = bytes;
  }

  /** The first value of a key, as Latin-1; undefined where it has none. */
  get(key: string): string | undefined {
    const wanted = Buffer.from(key);
    const hash = hashKey(wanted);
    const table = this.#bytes.readUInt32LE((hash & 0xff) * 8);
    const slots = this.#bytes.readUInt32LE((hash & 0xff) * 8 + 4);
    for (let i = 0; i < slots; i++) {
      const slot = table + (((hash >>> 8) + i) % slots) * 8;
      const record = this.#bytes.readUInt32LE(slot + 4);
      if (record === 0) {
        return undefined;
      }
      const value = this.#bytes.readUInt32LE(slot) === hash ? this.#valueAt(record, wanted) : undefined;
      if (value !== undefined) {
        return value;
      }
    }
    return undefined;
  }

  #valueAt(record: number, wanted: Buffer): string | undefined {
    if (record + 8 > this.#bytes.length) {
      return undefined;
    }
    const key = record + 8;
    const value = key + this.#bytes.readUInt32LE(record);
    const end = value + this.#bytes.readUInt32LE(record + 4);
    const isIt = end <= this.#bytes.length && wanted.equals(this.#bytes.subarray(key, value));
    return isIt ? this.#bytes.toString("latin1", value, end) : undefined;
  }
}
