/**
 * `[[source]] next_hop`: the directory decides where a recipient's mail goes. The list says which source a recipient is
 * of, and the relay's own configuration where the mail of that source goes.
 */
import { routeSection } from "../config/routes.ts";
import type { RouteSettings } from "../config/routes.ts";
import type { Settings } from "../config/sections.ts";
import { couriers } from "../couriers/registry.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import type { Recipients } from "../snapshot/recipients.ts";

/** Where the mail of one source goes. */
export interface SourceHop {
  readonly source: string;
  readonly next_hop: readonly string[];
}

/** Answers the hop of a recipient's source; undefined if it has none, and `[[route]]` counts. */
export type FindSourceHop = (mailbox: Mailbox) => SourceHop | undefined;

/** Undefined if no source has a next hop: then nobody need ask. A recipient that vanished goes where it went. */
export function createSourceHops(
  { source }: Pick<Settings, "source">,
  domains: Domains,
  { find }: Pick<Recipients, "find">,
): FindSourceHop | undefined {
  const hops = new Map(
    source
      .filter(({ next_hop: hop }) => hop.length > 0)
      .map(({ name, next_hop: hop }) => [name, { source: name, next_hop: hop }]),
  );
  if (hops.size === 0) {
    return undefined;
  }
  return (mailbox) => {
    if (mailbox.domain !== "" && domains.canonical(mailbox.domain) === undefined) {
      return undefined;
    }
    const found = find(mailbox);
    return found.kind === "known" || found.kind === "gone" ? hops.get(found.source) : undefined;
  };
}

/**
 * The routes of sources by their names: with the settings of the `[[route]]` that has the same next hop, otherwise with
 * the defaults.
 */
export function sourceRoutes({
  source,
  route,
}: Pick<Settings, "source" | "route">): ReadonlyMap<string, RouteSettings> {
  const given = source.filter(({ next_hop: hop }) => hop.length > 0);
  return new Map(given.map(({ name, next_hop: hop }) => [name, route.find(sameHop(hop)) ?? defaults(hop)]));
}

function sameHop(hop: readonly string[]): (route: RouteSettings) => boolean {
  return ({ next_hop: other }) => other.join(" ") === hop.join(" ");
}

function defaults(hop: readonly string[]): RouteSettings {
  return { ...routeSection(couriers).parse({ domain: "*", next_hop: hop }), domain: "" };
}
