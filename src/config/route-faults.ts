/** Errors in `[[route]]`, `[[copy]]` and `[[source]] next_hop` that show in the light of the listeners: a next hop that is the relay itself. */
import { networkInterfaces } from "node:os";

import { isLoopbackName, normalIp, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { parseNextHop } from "../mail/next-hop.ts";
import { listenersOf } from "./listening.ts";
import type { Settings } from "./sections.ts";
import type { Fault } from "./toml.ts";

const everywhere: ReadonlySet<string> = new Set(["0.0.0.0", "::", "*"]);

/** One error for each next hop at whose address the relay listens. It would send every message to itself. */
export function routeFaults(
  settings: Settings,
  fault: (path: readonly PropertyKey[], message: string) => Fault,
): Fault[] {
  const places = listenersOf(settings).flatMap(({ name, listen }) =>
    listen.flatMap((text) => {
      const place = parseEndpoint(text);
      return place === undefined || place.port === 0 ? [] : [{ ...place, name, text }];
    }),
  );
  const routes = [
    ...settings.route.map(({ next_hop: hops }, i) => ({ hops, at: ["route", i] })),
    ...settings.copy.map(({ next_hop: hops }, i) => ({ hops, at: ["copy", i] })),
    ...settings.source.map(({ next_hop: hops }, i) => ({ hops, at: ["source", i] })),
  ];
  return routes.flatMap(({ hops, at }) =>
    hops.flatMap((text, j) => {
      const hop = parseNextHop(text);
      const own = hop?.kind !== "host" ? undefined : places.find((place) => meets(hop.endpoint, place, settings));
      const path = [...at, "next_hop", ...(hops.length > 1 ? [j] : [])];
      return own === undefined
        ? []
        : [
            fault(
              path,
              `"${text}" is the relay itself: listener "${own.name}" listens at "${own.text}"; allowed: another server`,
            ),
          ];
    }),
  );
}

function meets(hop: Endpoint, place: Endpoint, { smtp }: Settings): boolean {
  if (hop.port !== place.port) {
    return false;
  }
  const host = normalIp(hop.host);
  const here = normalIp(place.host);
  if (host === here || (host === "localhost" && isLoopbackName(here))) {
    return true;
  }
  // Whatever address the relay's own name leads to: what answers there is reached under that name from outside.
  return (
    host === smtp.hostname.toLowerCase() || (everywhere.has(here) && (isLoopbackName(host) || ownAddresses().has(host)))
  );
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => normalIp(address))),
  );
}
