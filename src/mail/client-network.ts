/** The network that counts as one client: an IPv4 address, or the /64 of an IPv6 one, the least that a customer holds. */
import { isIPv4, isIPv6 } from "node:net";

import { canonicalIp, normalIp } from "./network.ts";

/** RFC 6052 2.1: a translator puts the whole of IPv4 into one /96. Its clients share a /64 and nothing else. */
const translated = "64:ff9b::";

/** The name under which limits count a client: "192.0.2.1" or "2001:db8:1:2::/64". Text that is not an address is counted as it is. */
export function clientNetwork(ip: string): string {
  const normal = normalIp(ip);
  // The colon first: isIPv6 tries a long regular expression, for each refusal.
  if (!normal.includes(":")) {
    return normal;
  }
  const [address = ""] = normal.split("%", 1);
  if (!isIPv6(address)) {
    return address;
  }
  // One spelling for all: lower case, no leading zeros, IPv4 at the end only behind ::ffff: and 64:ff9b:: and their like.
  const plain = canonicalIp(address);
  return isIPv6(plain) && !plain.startsWith(translated) ? `${firstGroups(plain).join(":")}::/64` : plain;
}

/** The same with all IPv4 addresses of a block as one: "192.0.2.0/24". @param bits of IPv4, 1 to 32 */
export function clientBlock(ip: string, bits: number): string {
  const client = clientNetwork(ip);
  if (bits >= 32 || !isIPv4(client)) {
    return client;
  }
  const octets = client.split(".").map((octet, i) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    return Number(octet) & (0xff << (8 - kept)) & 0xff;
  });
  return `${octets.join(".")}/${bits}`;
}

function firstGroups(address: string): string[] {
  const [head = "", tail] = address.split("::", 2);
  const before = head === "" ? [] : head.split(":");
  if (tail === undefined) {
    return before.slice(0, 4);
  }
  const after = tail === "" ? [] : tail.split(":");
  // An IPv4 ending is two groups, and behind the first four in any case.
  const zeros = 8 - before.length - after.length - (tail.includes(".") ? 1 : 0);
  return [...before, ...Array.from({ length: zeros }, () => "0"), ...after].slice(0, 4);
}
