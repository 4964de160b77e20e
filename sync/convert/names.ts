/**
 * The ways in which one value of a directory may be written as a recipient: what Domino's router makes of a name,
 * what Exchange's prefixes say. Text in, candidate texts out; sync/convert/addresses.ts checks and normalises them.
 */
import type { Form } from "../presets/preset.ts";

/** What a value may be written as, or why it is nothing. */
export type NameReading =
  | { readonly kind: "address"; readonly text: string; readonly primary?: boolean }
  | { readonly kind: "names"; readonly texts: readonly string[]; readonly common: boolean }
  /** `@domain`: every user of it. */
  | { readonly kind: "catch-all"; readonly domain: string }
  | { readonly kind: "skip"; readonly why: string };

/** Domino builds such addresses from a hierarchical name and its Notes domain; no router takes them back. */
const inventedMark = /[\s/\\{}]/;
/** Entra ID puts it into the names of guests. */
const guestMark = /#EXT#@/i;
/** As Postfix, sendmail and Zimbra write it. */
const catchAll = /^(?:smtp:\s*)?\*?@([^@\s]+)$/i;
const prefix = /^(smtp):(.*)$/is;
/** SMTP's own prefix aside: X500:, x400:, SIP:, EUM:, SPO:, sms: … */
const protocol = /^[a-z0-9]{2,12}:/i;

/** Reads one value, which has no blanks around it and is not empty. */
export function readValue(form: Form, value: string): NameReading {
  const [, domain] = catchAll.exec(value) ?? [];
  if (domain !== undefined) {
    return { kind: "catch-all", domain };
  }
  switch (form) {
    case "address":
      return readAddress(value);
    case "invented":
      return inventedMark.test(value) ? { kind: "skip", why: "invented address" } : readAddress(value);
    case "principal":
      return guestMark.test(value) ? { kind: "skip", why: "name of a guest" } : readAddress(value);
    case "prefixed":
      return readPrefixed(value);
    case "name":
      return readName(value, false);
    case "common-name":
      return readName(value, true);
    case "hierarchical":
      return readName(firstPart(value), true);
    case "plain":
      return readPlain(value);
  }
}

function readAddress(value: string): NameReading {
  return value.includes("@") ? { kind: "address", text: value } : { kind: "skip", why: "no address" };
}

function readPrefixed(value: string): NameReading {
  const [, word, address] = prefix.exec(value) ?? [];
  if (word === undefined || address === undefined) {
    return { kind: "skip", why: "other protocol" };
  }
  const reading = readAddress(address.trim());
  // Exchange writes the primary address's prefix in capitals.
  return reading.kind === "address" ? { ...reading, primary: word === "SMTP" } : reading;
}

function readPlain(value: string): NameReading {
  const address = prefix.exec(value)?.[2]?.trim() ?? value;
  if (protocol.test(address)) {
    return { kind: "skip", why: "other protocol" };
  }
  return address.includes("@")
    ? { kind: "address", text: address }
    : { kind: "names", texts: [address], common: false };
}

function readName(value: string, common: boolean): NameReading {
  if (value.includes("@")) {
    return inventedMark.test(value) ? { kind: "skip", why: "invented address" } : { kind: "address", text: value };
  }
  const words = value.split(/\s+/);
  const texts = words.length === 1 ? words : [words.join("_"), words.join(".")];
  return /[/\\{}]/.test(value) ? { kind: "skip", why: "hierarchical name" } : { kind: "names", texts, common };
}

/** "CN=Jan Huber/O=Kontor" and "CN=Jan Huber,O=Kontor" are "Jan Huber". */
function firstPart(value: string): string {
  const first = value.split(/[/,]/, 1)[0] ?? "";
  return first.replace(/^cn=/i, "").trim();
}
