/** A route as the relay uses it, and how the one of a domain is found. */
import type { HopPlace, NextHop } from "../../mail/next-hop.ts";
import { createRouteTable } from "../../mail/route-table.ts";

/** How TLS is done with a hop. */
export interface TlsPolicy {
  readonly mode: "off" | "opportunistic" | "require";
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
  /** The name that the certificate must have; undefined: that of the endpoint. */
  readonly name?: string | undefined;
}

/** A route as the relay uses it. Times in ms. */
export interface Route {
  readonly key: string;
  /** Tried in order. Each speaks SMTP, or each LMTP. */
  readonly hops: readonly NextHop[];
  /** In place of hops: where another courier than SMTP takes messages. */
  readonly place?: HopPlace;
  readonly tls: TlsPolicy;
  /** What clients get for the hop's refusals: its words, or goodmailto's with its codes. */
  readonly replies: "mirror" | "own";
  /** How the hop hears of a transaction's client. */
  readonly forwards?: "off" | "xclient" | "xforward";
  readonly timeout: number;
  readonly dataTimeout: number;
}

/** Whether its hops answer the final dot for each recipient, so that a message to several may be half delivered. RFC 2033. */
export function isLmtp({ hops }: Route): boolean {
  return hops.some(({ scheme }) => scheme === "lmtp");
}

/** Finds the route of a domain in normal form. */
export type Routes = (domain: string) => Route | undefined;

/** Compiles `[[route]]` sections. */
export const createRoutes: (entries: readonly { readonly domain: string; readonly route: Route }[]) => Routes =
  createRouteTable;
