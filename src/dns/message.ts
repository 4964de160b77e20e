/** DNS messages: a question in octets, and what a response says to it. RFC 1035 4.1, RFC 6891, RFC 2308. */
import { decode, encode, RECURSION_DESIRED, TRUNCATED_RESPONSE } from "dns-packet";
import type { Answer, DecodedPacket } from "dns-packet";

import { foldAscii } from "../mail/address.ts";
import type { DnsAnswer, DnsType, DnsValues } from "./answer.ts";

/** What one message asks. */
export interface Question {
  readonly type: DnsType;
  /** As {@link readName} gives it. */
  readonly name: string;
}

/** A response to a question: an answer, or what else is to be done. */
export type Response =
  | { readonly kind: "answer"; readonly answer: DnsAnswer<unknown> }
  /** Did not fit: to be asked again by TCP. */
  | { readonly kind: "truncated" }
  /** The server does not know EDNS. */
  | { readonly kind: "no EDNS" }
  /** Another server may know better. */
  | { readonly kind: "refused"; readonly why: string };

/** Offered to servers: fits into one packet on every path (DNS flag day 2020). */
const udpSize = 1232;
/** A longer TTL is a mistake of the zone's. */
const maxTtl = 86_400_000;
/** How long "absent" is cached if the response does not say (no SOA: some stub resolvers leave it out). */
const absentTtl = 60_000;

/** The name as it is asked for: lower case, no final dot. Undefined for text that cannot be a name in DNS. */
export function readName(text: string): string | undefined {
  const name = foldAscii(text.endsWith(".") ? text.slice(0, -1) : text);
  return /^(?=.{1,253}$)[\x21-\x2d\x2f-\x7e]{1,63}(?:\.[\x21-\x2d\x2f-\x7e]{1,63})*$/.test(name) ? name : undefined;
}

/** @param edns offer larger responses; old servers do not know it */
export function writeQuestion(id: number, { type, name }: Question, edns: boolean): Buffer {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
    additionals: edns
      ? [
          {
            type: "OPT",
            name: ".",
            udpPayloadSize: udpSize,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/** Undefined for octets that are not a response to this question: a late one to another, a forged one, garbage. */
export function readResponse(bytes: Buffer, id: number, question: Question): Response | undefined {
  const packet = parse(bytes);
  if (packet === undefined || packet.id !== id || !repeats(packet, question)) {
    return undefined;
  }
  if ((bytes.readUInt16BE(2) & TRUNCATED_RESPONSE) !== 0) {
    return { kind: "truncated" };
  }
  const code = responseCode(packet);
  switch (code) {
    case "NOERROR":
      return { kind: "answer", answer: readRecords(packet, question) };
    case "NXDOMAIN":
      return {
        kind: "answer",
        answer: { ...absent(packet), ...(isAlias(packet, question) ? {} : { noSuchName: true }) },
      };
    case "FORMERR":
    case "NOTIMP":
      return { kind: "no EDNS" };
    default:
      return { kind: "refused", why: code };
  }
}

function parse(bytes: Buffer): DecodedPacket | undefined {
  try {
    return decode(truncated(bytes) ? withoutRecords(bytes) : bytes);
  } catch {
    return undefined;
  }
}

function truncated(bytes: Buffer): boolean {
  return bytes.length >= 12 && (bytes.readUInt16BE(2) & TRUNCATED_RESPONSE) !== 0;
}

/** What follows the question of a truncated response may end in the middle of a record. */
function withoutRecords(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  return copy.fill(0, 6, 12);
}

/** Whether it is a response, with the question that was asked and no other. */
function repeats(packet: DecodedPacket, { type, name }: Question): boolean {
  const [question, ...more] = packet.questions ?? [];
  return (
    packet.type === "response" &&
    more.length === 0 &&
    question?.type === type &&
    question.class === "IN" &&
    foldAscii(question.name) === name
  );
}

/** The library has it, though its types do not. */
function responseCode(packet: DecodedPacket): string {
  return "rcode" in packet ? String(packet.rcode) : "NOERROR";
}

/** The records that the name leads to, through its aliases. */
function readRecords(packet: DecodedPacket, { type, name }: Question): DnsAnswer<unknown> {
  const answers = packet.answers ?? [];
  let owner = name;
  let ttl = maxTtl;
  // As many steps as there are records: aliases that lead in a circle end too.
  for (let step = 0; step <= answers.length; step++) {
    const own = answers.filter((record) => foldAscii(record.name) === owner);
    const values = own.flatMap((record) => valuesOf(record, type));
    if (values.length > 0) {
      return { kind: "found", values, ttl: Math.min(ttl, ...own.filter((one) => one.type === type).map(ttlOf)) };
    }
    const alias = own.find((record) => record.type === "CNAME");
    if (alias?.type !== "CNAME") {
      break;
    }
    ttl = Math.min(ttl, ttlOf(alias));
    owner = foldAscii(alias.data);
  }
  return absent(packet);
}

/** Whether the name exists all the same: it is the one that it leads to that does not. RFC 6604 3. */
function isAlias(packet: DecodedPacket, { name }: Question): boolean {
  return packet.answers?.some((record) => record.type === "CNAME" && foldAscii(record.name) === name) === true;
}

/** RFC 2308 5: the SOA's own TTL or its minimum, whichever is less. */
function absent(packet: DecodedPacket): { readonly kind: "absent"; readonly ttl: number } {
  const soa = packet.authorities?.find((record) => record.type === "SOA");
  const ttl = soa?.type === "SOA" ? Math.min(ttlOf(soa), (soa.data.minimum ?? 0) * 1000) : absentTtl;
  return { kind: "absent", ttl };
}

function ttlOf(record: Answer): number {
  const ttl = "ttl" in record ? (record.ttl ?? 0) : 0;
  // RFC 2181 8: with the highest bit set it is 0.
  return ttl > 0x7fff_ffff ? 0 : Math.min(maxTtl, ttl * 1000);
}

function valuesOf(record: Answer, type: DnsType): DnsValues[DnsType][] {
  if (record.type !== type) {
    return [];
  }
  switch (record.type) {
    case "A":
    case "AAAA":
      return [record.data];
    case "PTR":
      return [hostOf(record.data)];
    case "MX":
      return [{ preference: record.data.preference ?? 0, exchange: hostOf(record.data.exchange) }];
    case "TXT":
      return [textOf(record.data)];
    default:
      return [];
  }
}

function hostOf(name: string): string {
  return name === "." ? "" : foldAscii(name);
}

function textOf(data: string | Buffer | (string | Buffer)[]): string {
  const strings = Array.isArray(data) ? data : [data];
  return strings.map((one) => (typeof one === "string" ? one : one.toString("latin1"))).join("");
}
