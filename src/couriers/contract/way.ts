/** Which way a recipient goes. */
import type { Mailbox } from "../../mail/address.ts";
import type { Route, Routes } from "./routes.ts";

/** Where ways are looked up. */
export interface Ways {
  readonly routes: Routes;
  /** Alias domain → relay domain; "" (a bare user part) → the first one; others unchanged. */
  readonly canonical: (domain: string) => string;
  /** Ahead of these, the way of a recipient whose source has one. */
  readonly own?: ((mailbox: Mailbox) => Route | undefined) | undefined;
}

/** A bare user part goes where the first relay domain goes. */
export function domainOf({ canonical }: Ways, { domain }: Mailbox): string {
  return domain === "" ? canonical("") : domain;
}

/** The way of a domain. Under `mx` each domain has exchangers of its own, so it is a way of its own. */
export function routeOf({ routes, canonical }: Ways, domain: string): Route | undefined {
  const own = routes(domain);
  // An alias goes where its relay domain goes, unless it has a route of its own; "*" is none.
  const route = own === undefined || own === routes("*") ? (routes(canonical(domain)) ?? own) : own;
  return ofDomain(route, domain);
}

function ofDomain(route: Route | undefined, domain: string): Route | undefined {
  const mx = route?.hops.some(({ kind }) => kind === "mx") === true;
  return mx && route !== undefined ? { ...route, key: `${route.key} ${domain}` } : route;
}

/** The way of a recipient: of its source, otherwise of its domain. */
export function wayOf(ways: Ways, mailbox: Mailbox): Route | undefined {
  const domain = domainOf(ways, mailbox);
  return ofDomain(ways.own?.(mailbox), domain) ?? routeOf(ways, domain);
}

/** The way that all of them go; undefined if there is none. */
export function commonRoute(ways: Ways, recipients: readonly Mailbox[]): Route | undefined {
  const [route, ...others] = recipients.map((mailbox) => wayOf(ways, mailbox));
  return others.every((other) => other?.key === route?.key) ? route : undefined;
}
