/** A constant database as D. J. Bernstein's cdb reads it, https://cr.yp.to/cdb/cdb.txt: keys, of which some have data. */

import { hashKey } from "../files/cdb.ts";

const headerSize = 2048;
const tables = 256;

/**
 * The file for these keys.
 * @param data of the keys that have any
 * @throws RangeError if it would exceed 4 GB, the format's limit
 */
export function writeCdb(keys: readonly string[], data: ReadonlyMap<string, string> = new Map()): Buffer {
  const records = keys.map((key) => ({
    key: Buffer.from(key, "utf8"),
    value: Buffer.from(data.get(key) ?? "", "utf8"),
  }));
  const size = records.reduce((sum, { key, value }) => sum + 24 + key.length + value.length, headerSize);
  if (size > 0xffff_ffff) {
    throw new RangeError(`Cannot write a cdb of ${size} bytes`);
  }
  const file = Buffer.alloc(size);
  const slots: { readonly hash: number; readonly at: number }[][] = Array.from({ length: tables }, () => []);
  let at = headerSize;
  for (const { key, value } of records) {
    const hash = hashKey(key);
    slots[hash & 0xff]?.push({ hash, at });
    file.writeUInt32LE(key.length, at);
    file.writeUInt32LE(value.length, at + 4);
    key.copy(file, at + 8);
    value.copy(file, at + 8 + key.length);
    at += 8 + key.length + value.length;
  }
  for (const [index, entries] of slots.entries()) {
    const length = entries.length * 2;
    file.writeUInt32LE(at, index * 8);
    file.writeUInt32LE(length, index * 8 + 4);
    fillTable(file, at, length, entries);
    at += length * 8;
  }
  return file;
}

function fillTable(
  file: Buffer,
  at: number,
  length: number,
  entries: readonly { readonly hash: number; readonly at: number }[],
): void {
  for (const { hash, at: record } of entries) {
    let slot = (hash >>> 8) % length;
    // A record never is at 0: there is the header.
    while (file.readUInt32LE(at + slot * 8 + 4) !== 0) {
      slot = (slot + 1) % length;
    }
    file.writeUInt32LE(hash, at + slot * 8);
    file.writeUInt32LE(record, at + slot * 8 + 4);
  }
}
