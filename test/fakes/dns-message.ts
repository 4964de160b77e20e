/**
 * DNS messages for the tests' name server, by hand: a query read with bounds, an answer written. RFC 1035 4.1.
 * Only what a name server needs; nothing here is used by the product.
 */
import { isIPv4 } from "node:net";

/** Record types by name and number. */
export const recordTypes = { A: 1, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28 } as const;
export type RecordType = keyof typeof recordTypes;

/** Response codes, RFC 1035 4.1.1. */
export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
export type Rcode = keyof typeof rcodes;

/** One record. `data` is an address, a name, `preference name` for MX, or text for TXT (bytes as Latin-1). */
export interface DnsRecord {
  readonly name: string;
  readonly type: RecordType;
  readonly data: string;
  /** Seconds. */
  readonly ttl: number;
}

/** What a client asked. Names are in lower case without the final dot. */
export interface DnsQuery {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly name: string;
  readonly type: number;
  /** Where the question ends in the message. */
  readonly end: number;
}

const headerLength = 12;
const maxName = 255;

/** Reads a name at an offset; pointers may only lead backwards, so that no chain of them can loop. RFC 1035 4.1.4. */
export function readName(bytes: Buffer, start: number): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let lowest = start;
  let end = 0;
  let total = 0;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) {
      return undefined;
    }
    if (length === 0) {
      return { name: labels.join(".").toLowerCase(), end: end === 0 ? at + 1 : end };
    }
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      const target = ((length & 0x3f) << 8) | (low ?? 0);
      if (low === undefined || target >= lowest || target < headerLength) {
        return undefined;
      }
      end = end === 0 ? at + 2 : end;
      lowest = target;
      at = target;
      continue;
    }
    total += length + 1;
    if (length > 63 || at + 1 + length > bytes.length || total > maxName) {
      return undefined;
    }
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
}

/** Reads a query with exactly one question of class IN. Undefined if the bytes are none. */
export function readQuery(bytes: Buffer): DnsQuery | undefined {
  if (bytes.length < headerLength) {
    return undefined;
  }
  const flags = bytes.readUInt16BE(2);
  const isQuery = (flags & 0xf800) === 0;
  if (!isQuery || bytes.readUInt16BE(4) !== 1) {
    return undefined;
  }
  const question = readName(bytes, headerLength);
  if (question === undefined || question.end + 4 > bytes.length || bytes.readUInt16BE(question.end + 2) !== 1) {
    return undefined;
  }
  const type = bytes.readUInt16BE(question.end);
  return {
    id: bytes.readUInt16BE(0),
    recursionDesired: (flags & 0x100) !== 0,
    name: question.name,
    type,
    end: question.end + 4,
  };
}

/**
 * Writes a name without compression.
 * @throws RangeError if a label or the name is too long
 */
export function writeName(name: string): Buffer {
  const labels = name === "" ? [] : name.split(".").map((label) => Buffer.from(label, "latin1"));
  if (labels.some((label) => label.length === 0 || label.length > 63)) {
    throw new RangeError(`Cannot write name "${name}": a label has 1 to 63 bytes`);
  }
  const bytes = Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);
  if (bytes.length > maxName) {
    throw new RangeError(`Cannot write name "${name}": longer than ${maxName} bytes`);
  }
  return bytes;
}

/** Writes a query, for tests of the reader. */
export function writeQuery(id: number, name: string, type: number): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, writeName(name), uint16(type, 1)]);
}

/** Writes the answer to a query; the question is repeated as it came. */
export function writeAnswer(
  message: Buffer,
  query: DnsQuery,
  rcode: Rcode,
  records: readonly DnsRecord[],
  truncated: boolean,
  soa?: { readonly ttl: number; readonly minimum: number },
): Buffer {
  const header = Buffer.alloc(headerLength);
  const sent = truncated ? [] : records;
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(0x8480 | (truncated ? 0x0200 : 0) | (query.recursionDesired ? 0x0100 : 0) | rcodes[rcode], 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(sent.length, 6);
  const parts = [header, message.subarray(headerLength, query.end), ...sent.map(writeRecord)];
  if (soa !== undefined) {
    header.writeUInt16BE(1, 8);
    const record = writeRecord({ name: "test", type: "SOA", data: "ns.test", ttl: soa.ttl });
    // The last of its five numbers. RFC 1035 3.3.13.
    record.writeUInt32BE(soa.minimum, record.length - 4);
    parts.push(record);
  }
  return Buffer.concat(parts);
}

function writeRecord({ name, type, data, ttl }: DnsRecord): Buffer {
  const body = writeData(type, data);
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(ttl);
  return Buffer.concat([writeName(name), uint16(recordTypes[type], 1), seconds, uint16(body.length), body]);
}

function writeData(type: RecordType, data: string): Buffer {
  switch (type) {
    case "A":
      return Buffer.from(isIPv4(data) ? data.split(".").map(Number) : []);
    case "AAAA":
      return Buffer.from(expandIpv6(data), "hex");
    case "CNAME":
    case "PTR":
      return writeName(data);
    case "MX": {
      const [preference = "0", name = ""] = data.split(" ");
      return Buffer.concat([uint16(Number(preference)), writeName(name === "." ? "" : name)]);
    }
    case "SOA":
      return Buffer.concat([writeName(data), writeName(data), Buffer.alloc(20)]);
    case "TXT":
      return writeText(Buffer.from(data, "latin1"));
  }
}

/** A text in strings of at most 255 bytes, at least one of them. */
function writeText(text: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < text.length; at += 255) {
    const part = text.subarray(at, at + 255);
    parts.push(Buffer.from([part.length]), part);
  }
  return Buffer.concat(parts);
}

/** Eight groups in hex; the fake's own, so that an error in the product's expansion shows. */
function expandIpv6(text: string): string {
  const [head = "", tail] = text.split("::");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join("");
}

function groups(part: string): string[] {
  return part === "" ? [] : part.split(":");
}

function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, i) => bytes.writeUInt16BE(value, i * 2));
  return bytes;
}
