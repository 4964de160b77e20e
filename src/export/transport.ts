/**
 * Where the mail of recipients goes whose source says it, as Postfix's transport(5) writes it: all others go by their
 * domain.
 */
import { isIP } from "node:net";

import { parseNextHop } from "../mail/next-hop.ts";
import type { Deliverable } from "./deliverable.ts";
import { ExportFault } from "./export-fault.ts";

/** The map: `user@domain`, or the domain of a catch-all, which transport(5) looks up after its addresses. */
export interface TransportMap {
  readonly head: readonly string[];
  readonly ways: ReadonlyMap<string, string>;
}

/**
 * Makes it. Names that always exist go where a catch-all of their domain goes.
 * @throws ExportFault if Postfix has no word for a hop, or an address would go where the catch-all of its domain goes
 */
export function transportMap(
  list: Iterable<Deliverable>,
  hopOf: (user: string, domain: string) => readonly string[],
): TransportMap {
  const ways = new Map<string, string>();
  const others = new Map<string, string>();
  for (const { user, domain, kind } of list) {
    const hops = hopOf(user, domain);
    const way = transportOf(hops);
    if (hops.length === 0) {
      others.set(kind === "always" ? "" : domain, `${user}@${domain}`);
    } else if (way === undefined) {
      throw new ExportFault(`"${user}@${domain}" goes to ${hops.join(" ")}, for which Postfix has no transport`);
    } else {
      ways.set(user === "" ? domain : `${user}@${domain}`, way);
    }
  }
  const taken = [...others].find(([domain]) => ways.has(domain));
  if (taken !== undefined) {
    throw new ExportFault(
      `"${taken[1]}" has no next hop of its source, and would go where the catch-all of its domain goes: ` +
        "give its source a next_hop too",
    );
  }
  const head = [
    "Next hops of recipients whose source has one, made by goodmailto export. main.cf, see docs/exports.md:",
    "transport_maps = lmdb:/etc/postfix/goodmailto_transport (run postmap lmdb:FILE after each export)",
  ];
  return { head, ways };
}

/** Undefined: Postfix has no word for it, such as for TLS from the first octet, or for a folder. */
function transportOf(hops: readonly string[]): string | undefined {
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
