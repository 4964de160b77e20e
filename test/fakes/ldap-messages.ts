/** Messages of LDAP, octet by octet: what a framer gives, and entries as servers write them. */
import type { Messages } from "../../sync/sources/framer.ts";

/** Each message as octets of its own. */
export function messagesOf({ bytes, ends }: Messages): Buffer[] {
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** An element with its length in as few octets as possible, or in so many. RFC 4511 5.1 allows all of them. */
export function element(tag: number, content: Buffer, form = 0): Buffer {
  const { length } = content;
  if (form === 0 && length < 0x80) {
    return Buffer.concat([Buffer.from([tag, length]), content]);
  }
  const size = Math.max(form, length > 0xffff ? 3 : length > 0xff ? 2 : 1);
  const header = Buffer.alloc(2 + size, Buffer.from([tag, 0x80 + size]));
  header.writeUIntBE(length, 2, size);
  return Buffer.concat([header, content]);
}

/** An entry as a server writes it. */
export interface Written {
  readonly id: number;
  readonly name: string;
  readonly attributes: readonly { readonly type: string; readonly values: readonly Uint8Array[] }[];
  /** Octets of each length; 4 is how Active Directory writes. */
  readonly form: number;
}

/** Its message. */
export function write({ id, name, attributes, form }: Written): Buffer {
  const number = Buffer.alloc(4);
  number.writeInt32BE(id);
  const list = attributes.map(({ type, values }) => {
    const all = values.map((value) => element(0x04, Buffer.from(value), form));
    const parts = [element(0x04, Buffer.from(type), form), element(0x31, Buffer.concat(all), form)];
    return element(0x30, Buffer.concat(parts), form);
  });
  const entry = [element(0x04, Buffer.from(name), form), element(0x30, Buffer.concat(list), form)];
  const operation = element(0x64, Buffer.concat(entry), form);
  return element(0x30, Buffer.concat([element(0x02, number), operation]), form);
}
