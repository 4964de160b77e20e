/**
 * The address of a client rule: what it stands for, and why it may never match anybody.
 * Forms as in tcprules: 1.2.3.4, 10.0., 1.2.3.4-9, =host, =.suffix, user@…, and nothing at all.
 */
import { SocketAddress, isIPv4, isIPv6 } from "node:net";

import { normalIp } from "../mail/network.ts";

/** A number as tcprules reads it: 64 bits, empty is 0. Undefined if it is none. */
function readNumber(text: string): bigint | undefined {
  return /^\d*$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : undefined;
}

/**
 * The addresses that a text with a range (`1.2.3.4-9`, `10.2-3.`) stands for; the text itself if it has none. None for
 * a descending range, and undefined if an end of the range is not a number.
 */
export function expandRange(address: string): string[] | undefined {
  const dash = address.indexOf("-");
  if (dash === -1 || /[=@]/.test(address)) {
    return [address];
  }
  const left = address.lastIndexOf(".", dash) + 1;
  const dot = address.indexOf(".", dash);
  const right = dot === -1 ? address.length : dot;
  const bottom = readNumber(address.slice(left, dash));
  const top = readNumber(address.slice(dash + 1, right));
  if (bottom === undefined || top === undefined) {
    return undefined;
  }
  const first = Number(bottom);
  const count = Math.max(0, Math.min(Number(top), 255) - first + 1);
  return Array.from({ length: count }, (_, step) => address.slice(0, left) + (first + step) + address.slice(right));
}

/** An IPv6 address, or `user@` one, in the form in which clients come. Undefined if it is neither. */
export function normalIpv6(text: string): string | undefined {
  const at = text.lastIndexOf("@") + 1;
  const address = text.slice(at);
  if (!isIPv6(address) || address.includes("%")) {
    return undefined;
  }
  return text.slice(0, at) + normalIp(new SocketAddress({ address, family: "ipv6" }).address);
}

function isOctet(text: string): boolean {
  return /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255;
}

function isPrefix(address: string): boolean {
  const octets = address.split(".");
  return octets.pop() === "" && octets.length > 0 && octets.length < 4 && octets.every(isOctet);
}

function warnHost(host: string): string | undefined {
  if (/[A-Z]/.test(host)) {
    return "host names are compared in lower case";
  }
  if (/[\s*]/.test(host)) {
    return 'a host name has no blanks or wildcards; "=.example.org" is every name below example.org';
  }
  return host.length > 1 && host.endsWith(".") ? "host names come without a final dot" : undefined;
}

function warnBlock(text: string): string {
  const [address = "", length = ""] = text.split("/");
  if (isIPv4(address) || isPrefix(address)) {
    return /^\d+$/.test(length) && Number(length) > 32
      ? "the length of an IPv4 block is 0 to 32"
      : 'a block ends in a slash and its length: "192.0.2.0/24"';
  }
  return isPrefix(`${address}.`)
    ? `octets that are left out are written with a dot: "${address}./${length}"`
    : 'this is not a block: "192.0.2.0/24" and "192.0.2./24" are';
}

function warnIp(address: string): string | undefined {
  if (isPrefix(`${address}.`)) {
    return `a prefix ends in a dot: "${address}."`;
  }
  if (/\s/.test(address)) {
    return "blanks in front of the colon belong to the address";
  }
  if (address.includes("/")) {
    return warnBlock(address);
  }
  if (/^[\d.]+$/.test(address) && address.split(".").some((octet) => Number(octet) > 255)) {
    return "no number of an IP address is above 255";
  }
  if (/[a-z]/i.test(address)) {
    return `a host name begins with an equals sign: "=${address}"`;
  }
  return "this is neither an IP address nor a prefix of whole numbers that ends in a dot";
}

/** Why no client ever has this address, a range being expanded and blocks set aside; undefined if one may. */
export function warnAddress(address: string): string | undefined {
  if (/^[ \t]/.test(address)) {
    return "leading blanks belong to the address";
  }
  if (address.startsWith("=")) {
    return warnHost(address.slice(1));
  }
  const at = address.lastIndexOf("@");
  if (at === -1) {
    return address === "" || isIPv4(address) || isPrefix(address) ? undefined : warnIp(address);
  }
  const place = address.slice(at + 1);
  if (place.startsWith("=")) {
    return warnHost(place.slice(1));
  }
  return isIPv4(place) ? undefined : 'after "user@" comes a complete IP address, or "=" and a complete host name';
}
