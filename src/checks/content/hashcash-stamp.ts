/**
 * Stamps of hashcash, version 1: `1:BITS:YYMMDD:RESOURCE:EXTENSION:RANDOM:COUNTER`, whose SHA-1 begins with so many
 * zero bits. hashcash(1), http://www.hashcash.org/.
 */
import { hash, randomBytes } from "node:crypto";

/** What a stamp is for. */
export interface StampOrder {
  /** The recipient; see {@link canStamp}. */
  readonly resource: string;
  readonly bits: number;
  /** ms since 1970. */
  readonly at: number;
}

const day = 86_400_000;
/** As the program checks them by default. */
const lifetime = 28 * day;
const skew = 2 * day;
const longest = 512;

/** Whether an address can be written in a stamp. */
export function canStamp(address: string): boolean {
  return /^[\x21-\x39\x3b-\x7e]{1,320}$/.test(address);
}

/** Tries one counter after another: takes some 2^bits hashes. */
export function mintStamp({ resource, bits, at }: StampOrder): string {
  const date = new Date(at).toISOString().slice(2, 10).replaceAll("-", "");
  const head = `1:${bits}:${date}:${resource}::${randomBytes(12).toString("base64")}:`;
  for (let counter = 0; ; counter++) {
    const stamp = head + counter.toString(16);
    if (zeroBits(stamp) >= bits) {
      return stamp;
    }
  }
}

/**
 * The bits that a stamp is worth for one of these recipients at a time; 0: it is not valid.
 * @param resources in small letters
 */
export function stampValue(stamp: string, resources: ReadonlySet<string>, now: number): number {
  const text = stamp.replaceAll(/\s/g, "");
  const [, bits = "", yy = "", month, date, resource = ""] =
    /^1:(\d{1,2}):(\d\d)(\d\d)(\d\d)\d{0,6}:([^:]+):[^:]*:[^:]+:[^:]+$/.exec(text) ?? [];
  if (bits === "" || text.length > longest || !resources.has(resource.toLowerCase())) {
    return 0;
  }
  const made = Date.UTC(2000 + Number(yy), Number(month) - 1, Number(date));
  const isCurrent = made - skew <= now && now < made + lifetime + skew;
  return isCurrent && zeroBits(text) >= Number(bits) ? Number(bits) : 0;
}

/** How many zero bits its hash begins with. */
export function zeroBits(stamp: string): number {
  const digest = hash("sha1", stamp, "buffer");
  const at = digest.findIndex((octet) => octet !== 0);
  return at < 0 ? digest.length * 8 : at * 8 + Math.clz32(digest[at] ?? 0) - 24;
}
