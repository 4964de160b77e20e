/**
 * Where mail goes next, as the configuration writes it: `smtp://host:port`, `smtps://host:port` or `mx`, which speak SMTP;
 * or `scheme:place` of another courier.
 */
import { everyAddress, parseEndpoint } from "./network.ts";
import type { Endpoint } from "./network.ts";

/** One next hop that speaks SMTP. */
export type NextHop =
  | { readonly kind: "host"; readonly endpoint: Endpoint; readonly implicitTls: boolean }
  | { readonly kind: "mx" };

/** Reads a `next_hop` setting; the ports default to 25 and 465. */
export function parseNextHop(text: string): NextHop | undefined {
  if (text === "mx") {
    return { kind: "mx" };
  }
  const match = /^(smtps?):\/\/([^/]+)\/?$/.exec(text);
  const implicitTls = match?.[1] === "smtps";
  const endpoint = parseEndpoint(match?.[2] ?? "", implicitTls ? 465 : 25);
  const isPlace = endpoint !== undefined && endpoint.port !== 0 && endpoint.host !== everyAddress;
  return isPlace ? { kind: "host", endpoint, implicitTls } : undefined;
}

/** A next hop that does not speak SMTP. */
export interface HopPlace {
  /** The name of a courier. */
  readonly scheme: string;
  /** What it makes of the rest. */
  readonly place: string;
}

/** Reads a `next_hop` of another courier; whether there is one of this name, and takes this place, is not known here. */
export function parseHopPlace(text: string): HopPlace | undefined {
  const [, scheme, place = ""] = /^([a-z][a-z0-9]*):(.*)$/.exec(text) ?? [];
  return scheme === undefined || parseNextHop(text) !== undefined ? undefined : { scheme, place };
}
