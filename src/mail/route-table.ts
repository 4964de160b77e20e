/** What a domain leads to: the exact name, then the longest `.suffix`, then `*`. Compared in normal form. */
import { normalPattern } from "./domains.ts";

/** Compiles a table; of two entries with the same domain, the first wins. What it is asked for is in normal form. */
export function createRouteTable<T>(
  entries: readonly { readonly domain: string; readonly route: T }[],
): (domain: string) => T | undefined {
  const exact = new Map(entries.toReversed().map(({ domain, route }) => [normalPattern(domain) ?? domain, route]));
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
