/** Warnings about `[[route]]`: mail for the world that is sent inside, and settings without effect. */
import { normalPattern } from "../mail/domains.ts";
import { formatHop } from "../mail/hop-endpoint.ts";
import { parseNextHop } from "../mail/next-hop.ts";
import { createRouteTable } from "../mail/route-table.ts";
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** `tls_name` if no certificate is verified. */
export function tlsNameWarnings({ route, copy }: Settings): Warning[] {
  return [...ofSection("route", route), ...ofSection("copy", copy)];
}

function ofSection(section: string, routes: Settings["route"]): Warning[] {
  return routes.flatMap(({ tls, tls_name: name, next_hop: hops }, i) => {
    const verified = tls === "require" || (tls === "off" && hops.some((hop) => hop.startsWith("smtps:")));
    return name === "" || verified
      ? []
      : [
          {
            path: [section, i, "tls_name"],
            message: 'has no effect: no certificate is verified; write tls = "require"',
          },
        ];
  });
}

/**
 * Clients that may send to any domain, while mail for the world goes to the internal mail server, which will send it
 * back to its smarthost: the relay.
 * @param relayClients client rules give RELAYCLIENT to somebody
 */
export function worldWarnings(settings: Settings, relayClients: boolean): Warning[] {
  const { route, domains, listener, auth } = settings;
  const logins = auth.relay && listener.some((each) => each.auth);
  const variables = listener.some((each) => "RELAYCLIENT" in each.variables);
  if ((!relayClients && !logins && !variables) || route.length === 0) {
    return [];
  }
  const who = logins ? "clients that log in" : "clients with RELAYCLIENT";
  const entries = route.map(({ domain, next_hop: hops }, i) => ({ domain, route: { i, places: placesOf(hops) } }));
  const world = entries.find(({ domain }) => domain === "*")?.route;
  if (world === undefined) {
    const message = `no [[route]] is for other domains: ${who} may send there but get 451; add one with domain = "*" and next_hop = "mx" or a smarthost`;
    return [{ path: ["route", 0, "domain"], message }];
  }
  const find = createRouteTable(entries);
  const own = domains.relay.map((domain) => normalPattern(domain) ?? domain);
  const inside = own.map((domain) => find(domain.startsWith(".") ? `x${domain}` : domain));
  const shared = inside.flatMap((each) => each?.places ?? []).find((place) => world.places.includes(place));
  if (shared === undefined) {
    return [];
  }
  const message = `leads mail for other domains to ${shared}, the next hop of relay domains: mail that ${who} send to the world may go in a circle; write a [[route]] for each relay domain, and next_hop = "mx" or a smarthost here`;
  return [{ path: ["route", world.i, "next_hop"], message }];
}

function placesOf(hops: readonly string[]): string[] {
  return hops.flatMap((text) => {
    const hop = parseNextHop(text);
    return hop?.kind === "host" ? [formatHop({ ...hop.endpoint, host: hop.endpoint.host.toLowerCase() })] : [];
  });
}
