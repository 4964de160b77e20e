/** The way to the next hops: `[[route]]` into a courier, for the relay and for alerts. */
import { readFileSync } from "node:fs";

import type { RouteSettings } from "../config/routes.ts";
import type { Settings } from "../config/sections.ts";
import { noCounters } from "../report/counters.ts";
import type { Counters } from "../report/counters.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Courier } from "../mail/courier.ts";
import type { Domains } from "../mail/domains.ts";
import type { Log } from "../report/log.ts";
import { refuseAuthorities } from "../files/authorities.ts";
import { parseHopPlace, parseNextHop } from "../mail/next-hop.ts";
import { createCourier } from "../couriers/smtp/courier.ts";
import { HopPool } from "../couriers/smtp/hop-pool.ts";
import { createMailExchangers } from "../dns/mail-exchangers.ts";
import type { Dns } from "../dns/resolver.ts";
import type { CourierServices, PlaceCourier } from "../couriers/contract/contract.ts";
import { createRoutes } from "../couriers/contract/routes.ts";
import type { Route } from "../couriers/contract/routes.ts";
import type { CopyQueues } from "../couriers/copy-queue.ts";
import { createCopying } from "../couriers/copying.ts";
import { createDispatch } from "../couriers/dispatch.ts";
import { couriers } from "../couriers/registry.ts";
import { commonRoute, domainOf, routeOf } from "../couriers/contract/way.ts";
import type { Ways } from "../couriers/contract/way.ts";
import { FileFault } from "./file-fault.ts";
import { spoolPlaceOf } from "./limits.ts";

/** The way to the next hops of `[[route]]`. @param routes others in their place */
export function buildCourier(
  settings: Settings,
  domains: Domains,
  dns: Dns,
  log: Log,
  counters: Counters,
  name: string,
  routes: readonly RouteSettings[] = settings.route,
): Courier & { close(): void } {
  const pool = new HopPool(name, createMailExchangers(dns), log);
  const entries = routesOf(routes, readAuthorities);
  const ways = waysOf(entries, domains);
  const services = { log, hostname: name, spoolFolder: spoolPlaceOf(settings).folder };
  const places = entries.flatMap(({ route, section }) => {
    const courier = createPlaceCourier(route, section, services);
    return courier === undefined ? [] : [[route.key, { route, courier, log, counters }] as const];
  });
  const smtp = createCourier({ pool, ...ways, log, counters });
  return createDispatch({ ...ways, smtp, places: new Map(places) });
}

/** The same, with the copies of `[[copy]]` behind it, in a queue of these. */
export function buildCopyingCourier(
  queues: CopyQueues,
  ...[settings, domains, dns, log, counters, name]: Parameters<typeof buildCourier>
): Courier & { close(): void } {
  const courier = buildCourier(settings, domains, dns, log, counters, name);
  if (settings.copy.length === 0) {
    return courier;
  }
  const ways = waysOf(
    routesOf(settings.copy, () => undefined),
    domains,
  );
  const copies = buildCourier(settings, domains, dns, log, noCounters, name, settings.copy);
  const wayOf = (mailbox: Mailbox): string | undefined => routeOf(ways, domainOf(ways, mailbox))?.key;
  return createCopying(courier, {
    queue: queues.open({ courier: copies, wayOf, log, counters }),
    folder: spoolPlaceOf(settings).folder,
    log,
    wayOf,
  });
}

function createPlaceCourier(
  { place, tls }: Route,
  section: RouteSettings,
  services: Omit<CourierServices, "authorities">,
): PlaceCourier | undefined {
  const definition = couriers.find(({ name }) => name === place?.scheme);
  return place !== undefined && definition !== undefined && "create" in definition
    ? definition.create(place.place, section, { ...services, authorities: tls.ca })
    : undefined;
}

/** Whether addresses that have a way go the same one: one transaction has one next hop. */
export function createSameNextHop(settings: Settings, domains: Domains): (mailboxes: readonly Mailbox[]) => boolean {
  const ways = waysOf(
    routesOf(settings.route, () => undefined),
    domains,
  );
  return (mailboxes) => {
    const routed = mailboxes.filter((mailbox) => routeOf(ways, domainOf(ways, mailbox)) !== undefined);
    return routed.length < 2 || commonRoute(ways, routed) !== undefined;
  };
}

interface Entry {
  readonly domain: string;
  readonly route: Route;
  readonly section: RouteSettings;
}

/** @param authorities reads a `ca_file` */
function routesOf(routes: readonly RouteSettings[], authorities: (file: string) => string | undefined): Entry[] {
  return routes.map((route) => {
    const ca = route.ca_file === "" ? undefined : authorities(route.ca_file);
    const hops = route.next_hop.flatMap((text) => parseNextHop(text) ?? []);
    const place = hops.length > 0 ? undefined : parseHopPlace(route.next_hop[0] ?? "");
    return {
      domain: route.domain,
      section: route,
      route: {
        key: `${route.domain} ${route.next_hop.join(" ")}`,
        hops,
        tls: { mode: route.tls, ca, name: route.tls_name === "" ? undefined : route.tls_name },
        timeout: route.timeout,
        dataTimeout: route.data_timeout,
        replies: route.replies,
        ...(place === undefined ? {} : { place }),
      },
    };
  });
}

function waysOf(entries: readonly Entry[], domains: Domains): Ways {
  return {
    routes: createRoutes(entries),
    // A bare <postmaster> (RFC 5321 4.5.1) goes where the first domain goes.
    canonical: (domain) => (domain === "" ? (domains.relay[0] ?? "") : (domains.canonical(domain) ?? domain)),
  };
}

/** @throws FileFault if it names none, and no connection could be made */
export function readAuthorities(file: string, section = "[[route]]"): string {
  const text = readFileSync(file, "utf8");
  const fault = refuseAuthorities(text);
  if (fault !== undefined) {
    throw new FileFault(`${section} ca_file: "${file}" ${fault}`);
  }
  return text;
}
