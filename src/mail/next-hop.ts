/** Where mail goes next, as the configuration writes it: `smtp://host:port`, `smtps://host:port` or `mx`. */
import { everyAddress, parseEndpoint } from "./network.ts";
import type { Endpoint } from "./network.ts";

/** One next hop. */
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
