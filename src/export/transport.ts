/** A next hop as Postfix's transport(5) writes it. */
import { isIP } from "node:net";

import { parseNextHop } from "../mail/next-hop.ts";

/** Undefined: Postfix has no word for it, such as for TLS from the first octet, or for a folder. */
export function transportOf(hops: readonly string[]): string | undefined {
  const read = hops.map(parseNextHop);
  const [first] = read;
  if (first?.kind === "mx") {
    return hops.length === 1 ? "smtp:" : undefined;
  }
  const places = read.flatMap((hop) => {
    if (hop?.kind !== "host" || hop.scheme !== first?.scheme || hop.scheme === "smtps") {
      return [];
    }
    const { host, port, path } = hop.endpoint;
    // In brackets, a name is not looked up as a domain with exchangers of its own.
    const place = `[${isIP(host) === 6 ? `ipv6:${host}` : host}]:${port}`;
    return [hop.scheme === "smtp" ? place : path === undefined ? `inet:${place}` : `unix:${path}`];
  });
  return places.length === hops.length && first !== undefined ? `${first.scheme}:${places.join(", ")}` : undefined;
}
