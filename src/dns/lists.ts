/** DNS lists of client addresses: the names asked for, and how a source is written in the settings. RFC 5782. */
import { isIPv4, isIPv6 } from "node:net";

import { normalDomain } from "../mail/address.ts";
import { normalIp } from "../mail/network.ts";

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
 * Reads `r:zone`, `r:zone:message` or `a:zone`: rblsmtpd's `-r` and `-a` in their order.
 * Undefined where the text is none of these.
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
 * The name under which a list holds an address: octets or nibbles, last first, in front of the zone.
 * Undefined where the text is no address.
 */
export function listName(address: string, zone: string): string | undefined {
  const ip = normalIp(address);
  if (isIPv4(ip)) {
    return `${ip.split(".").reverse().join(".")}.${zone}`;
  }
  return isIPv6(ip) ? `${nibbles(ip).split("").reverse().join(".")}.${zone}` : undefined;
}

/** The 32 hexadecimal digits of a valid IPv6 address; a zone such as `%eth0` is cut off. */
function nibbles(ip: string): string {
  const address = ip.replace(/%.*$/, "").replace(/\d+\.\d+\.\d+\.\d+$/, hexGroups);
  const [head = "", tail] = address.split("::");
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0000");
  return [...before, ...zeros, ...after].join("");
}

/** The groups between colons, four digits each. */
function groups(part: string): string[] {
  return part === "" ? [] : part.split(":").map((group) => group.padStart(4, "0"));
}

/** The last four octets, where they are written as IPv4, as two groups. */
function hexGroups(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/**
 * What an A record of a list says. Lists answer within 127.0.0.0/8 (RFC 5782 2.1); anything else comes from a
 * zone that was sold or a resolver that invents answers, and 127.255.255.0/24 is how lists refuse a query:
 * such an answer counts as a failed query, or a dead list would turn away all mail.
 */
export function readCode(address: string): "listed" | "unusable" {
  return address.startsWith("127.") && !address.startsWith("127.255.255.") ? "listed" : "unusable";
}
