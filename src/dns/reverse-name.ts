/** Addresses as names in DNS: octets or nibbles, last first. RFC 1035 3.5, RFC 3596 2.5, RFC 5782 2.1. */
import { isIPv4, isIPv6 } from "node:net";

import { normalIp } from "../mail/network.ts";

/** The name that asks for an address's names; undefined if the text is not an address. */
export function reverseName(address: string): string | undefined {
  const ip = normalIp(address);
  const labels = reverseLabels(ip);
  return labels === undefined ? undefined : `${labels}.${isIPv4(ip) ? "in-addr" : "ip6"}.arpa`;
}

/** The labels without a zone behind them; undefined if the text is not an address. */
export function reverseLabels(address: string): string | undefined {
  const ip = normalIp(address);
  if (isIPv4(ip)) {
    return ip.split(".").reverse().join(".");
  }
  return isIPv6(ip) ? nibbles(ip).split("").reverse().join(".") : undefined;
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

/** The last four octets, if they are written as IPv4, as two groups. */
function hexGroups(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
