/** Which next hop a domain has: the exact name, then the longest `.suffix`, then `*`. */
import type { NextHop } from "../mail/next-hop.ts";
import type { TlsPolicy } from "./dial.ts";

/** A route as the relay uses it. Times in ms. */
export interface Route {
  readonly key: string;
  /** Tried in order. */
  readonly hops: readonly NextHop[];
  readonly tls: TlsPolicy;
  /** What clients are told of the hop's refusals: its words, or ours with its codes. */
  readonly replies: "mirror" | "own";
  readonly timeout: number;
  readonly dataTimeout: number;
}

/** Finds the route of a domain in normal form. */
export type Routes = (domain: string) => Route | undefined;

/** Compiles `[[route]]` sections. The first of two with the same domain wins. */
export function createRoutes(entries: readonly { readonly domain: string; readonly route: Route }[]): Routes {
  const exact = new Map<string, Route>();
  for (const { domain, route } of entries.toReversed()) {
    exact.set(domain, route);
  }
  return (domain) => {
    const own = exact.get(domain);
    if (own !== undefined) {
      return own;
    }
    for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
      const route = exact.get(domain.slice(dot));
      if (route !== undefined) {
        return route;
      }
    }
    return exact.get("*");
  };
}
