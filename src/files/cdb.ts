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

/** A database without records. */
export function emptyCdb(): Buffer {
  const bytes = Buffer.alloc(headerSize);
  for (let at = 0; at < headerSize; at += 8) {
    bytes.writeUInt32LE(headerSize, at);
  }
  return bytes;
}

/** A constant database in memory. */
export class Cdb {
  readonly #bytes: Buffer;

  /** @throws RangeError if it is too short to be one, or its tables lie beyond its end: a file half copied */
  constructor(bytes: Buffer) {
    if (bytes.length < headerSize) {
      throw new RangeError("Cannot read cdb: shorter than its header");
    }
    for (let at = 0; at < headerSize; at += 8) {
      if (bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 8 > bytes.length) {
        throw new RangeError("Cannot read cdb: a table is beyond its end");
      }
    }
    this.#bytes = bytes;
  }

  /** Whether it has records. */
  get isEmpty(): boolean {
    return Array.from({ length: headerSize / 8 }, (_, i) => this.#table(i * 8)).every(({ slots }) => slots === 0);
  }

  /** The first value of a key, as Latin-1; undefined if it has none. */
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

  /**
   * Every record in the order of the file, as Latin-1.
   * @throws RangeError if a record is torn, or there are not as many as the tables have
   */
  *records(): Generator<{ readonly key: string; readonly value: string }> {
    const tables = Array.from({ length: headerSize / 8 }, (_, i) => this.#table(i * 8)).filter(
      ({ slots }) => slots > 0,
    );
    const end = Math.min(this.#bytes.length, ...tables.map(({ at }) => at));
    let count = 0;
    for (let at = headerSize; at < end && tables.length > 0; count += 1) {
      const key = at + 8;
      const value = key + (key > end ? 0 : this.#bytes.readUInt32LE(at));
      const next = value + (key > end ? 0 : this.#bytes.readUInt32LE(at + 4));
      if (key > end || next > end) {
        throw new RangeError(`Cannot read cdb: the record at ${at} is torn`);
      }
      yield { key: this.#bytes.toString("latin1", key, value), value: this.#bytes.toString("latin1", value, next) };
      at = next;
    }
    const used = tables.reduce((sum, table) => sum + this.#used(table), 0);
    if (used !== count) {
      throw new RangeError(`Cannot read cdb: ${count} records, its tables have ${used}`);
    }
  }

  #table(at: number): { readonly at: number; readonly slots: number } {
    return { at: this.#bytes.readUInt32LE(at), slots: this.#bytes.readUInt32LE(at + 4) };
  }

  /** Slots of a table that name a record. */
  #used({ at, slots }: { readonly at: number; readonly slots: number }): number {
    let used = 0;
    for (let slot = 0; slot < slots; slot++) {
      used += this.#bytes.readUInt32LE(at + slot * 8 + 4) === 0 ? 0 : 1;
    }
    return used;
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
