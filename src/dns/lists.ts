/** DNS lists of client addresses: the names asked for, and how a source is written in the settings. RFC 5782. */
import { normalDomain } from "../mail/address.ts";
import { reverseLabels } from "./reverse-name.ts";

/**
 * One list. `block` lists bad clients: without a message its TXT record is the reply's text, with one its
 * A record is asked. `allow` lists good clients by an A record.
 */
export type DnsListSource =
  | { readonly kind: "block"; readonly zone: string; readonly message: string | undefined }
  | { readonly kind: "allow"; readonly zone: string };

/** The longest name that fits beside 32 nibbles with their dots: 253 - 64. */
const maxZone = 189;

/**
 * Reads `r:zone`, `r:zone:message` or `a:zone`: rblsmtpd's `-r` and `-a` in their order. Undefined if the text is none
 * of these.
 */
export function parseSource(text: string): DnsListSource | undefined {
  const match = /^([ra]):([^:\s]+)(?::(.+))?$/.exec(text);
  const zone = normalDomain(match?.[2] ?? "");
  if (match === null || zone === undefined || zone.startsWith("[") || zone.length > maxZone) {
    return undefined;
  }
  if (match[1] === "r") {
    return { kind: "block", zone, message: match[3] };
  }
  return match[3] === undefined ? { kind: "allow", zone } : undefined;
}

/**
 * The name under which a list holds an address: octets or nibbles, last first, in front of the zone. Undefined if the
 * text is not an address.
 */
export function listName(address: string, zone: string): string | undefined {
  const labels = reverseLabels(address);
  return labels === undefined ? undefined : `${labels}.${zone}`;
}

/**
 * What an A record of a list says. Lists answer within 127.0.0.0/8 (RFC 5782 2.1); anything else comes from a
 * zone that was sold or a resolver that invents answers, and 127.255.255.0/24 is how lists refuse a query:
 * such an answer counts as a failed query, or a dead list would turn away all mail.
 */
export function readCode(address: string): "listed" | "unusable" {
  return address.startsWith("127.") && !address.startsWith("127.255.255.") ? "listed" : "unusable";
}
