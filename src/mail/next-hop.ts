/**
 * Where mail goes next, as the configuration writes it: `smtp://host:port`, `smtps://host:port`, `lmtp://host:port`,
 * `lmtp:/socket` or `mx`, where a server answers RCPT; or `scheme:place` of another courier.
 */
import type { HopEndpoint } from "./hop-endpoint.ts";
import { everyAddress, parseEndpoint } from "./network.ts";

/** One next hop that speaks SMTP or LMTP. */
export type NextHop =
  | {
      readonly kind: "host";
      readonly scheme: "smtp" | "smtps" | "lmtp";
      /** With a `path`, or a host that is a name or an address. */
      readonly endpoint: HopEndpoint;
    }
  | { readonly kind: "mx"; readonly scheme: "mx" };

const defaultPorts = { smtp: 25, smtps: 465, lmtp: 24 };

/** Reads a `next_hop` setting; the ports default to 25, 465 and 24. */
export function parseNextHop(text: string): NextHop | undefined {
  if (text === "mx") {
    return { kind: "mx", scheme: "mx" };
  }
  const path = /^lmtp:(\/(?!\/)[^\0]+)$/.exec(text)?.[1];
  if (path !== undefined) {
    return { kind: "host", scheme: "lmtp", endpoint: { host: "localhost", port: 0, path } };
  }
  const [, word, place = ""] = /^(smtps?|lmtp):\/\/([^/]+)\/?$/.exec(text) ?? [];
  if (word === undefined) {
    return undefined;
  }
  // By the pattern above.
  const scheme = word as keyof typeof defaultPorts;
  const endpoint = parseEndpoint(place, defaultPorts[scheme]);
  const isPlace = endpoint !== undefined && endpoint.port !== 0 && endpoint.host !== everyAddress;
  return isPlace ? { kind: "host", scheme, endpoint } : undefined;
}

/** A next hop as couriers see it. */
export interface HopPlace {
  /** The name of a courier. */
  readonly scheme: string;
  /** What it makes of the rest. */
  readonly place: string;
}

/** Reads a `next_hop` of any courier; whether there is one of this name, and takes this place, is not known here. */
export function parseHopPlace(text: string): HopPlace | undefined {
  const [, scheme, place = ""] = (text === "mx" ? /^(mx)$/ : /^([a-z][a-z0-9]*):(.*)$/).exec(text) ?? [];
  return scheme === undefined || text === "mx:" ? undefined : { scheme, place };
}
