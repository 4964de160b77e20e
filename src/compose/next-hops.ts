/** The way to the next hops: `[[route]]` into a courier, for the relay and for alerts. */
import { readFileSync } from "node:fs";

import type { RouteSettings } from "../config/routes.ts";
import type { Settings } from "../config/sections.ts";
import { noCounters } from "../report/counters.ts";
import type { Counters } from "../report/counters.ts";
import type { Mailbox } from "../mail/address.ts";
import { nothingOffered } from "../mail/courier.ts";
import type { Offered, RunningCourier } from "../mail/courier.ts";
import type { Domains } from "../mail/domains.ts";
import type { Log } from "../report/log.ts";
import { refuseAuthorities } from "../files/authorities.ts";
import { parseHopPlace, parseNextHop } from "../mail/next-hop.ts";
import { createCourier } from "../couriers/smtp/courier.ts";
import { offeredByAll } from "../couriers/smtp/hop-offers.ts";
import type { HopOffers } from "../couriers/smtp/hop-offers.ts";
import { HopPool } from "../couriers/smtp/hop-pool.ts";
import { OffersQuestion } from "../couriers/smtp/offers-question.ts";
import type { Asking } from "../couriers/smtp/offers-question.ts";
import { findAddresses } from "../dns/addresses.ts";
import { createMailExchangers } from "../dns/mail-exchangers.ts";
import type { Dns } from "../dns/resolver.ts";
import type { CourierServices, PlaceCourier } from "../couriers/contract/contract.ts";
import { createRoutes } from "../couriers/contract/routes.ts";
import type { Route } from "../couriers/contract/routes.ts";
import { CopyQueue } from "../couriers/copy-queue.ts";
import type { CopyQueues } from "../couriers/copy-queue.ts";
import { createCopying } from "../couriers/copying.ts";
import { createDispatch } from "../couriers/dispatch.ts";
import { couriers } from "../couriers/registry.ts";
import { commonRoute, domainOf, routeOf, wayOf } from "../couriers/contract/way.ts";
import type { Ways } from "../couriers/contract/way.ts";
import { FileFault } from "./file-fault.ts";
import { sourceRoutes } from "./source-hops.ts";
import type { FindSourceHop } from "./source-hops.ts";
import { spoolPlaceOf } from "./limits.ts";

/** What is beside the settings. */
interface MoreWays {
  /** In place of those of `[[route]]`. */
  readonly routes?: readonly RouteSettings[];
  /** Of `[[source]]`, ahead of them. */
  readonly hopOf?: FindSourceHop | undefined;
  /** Where it is noted what hops offer; they are asked if nobody has seen them. Not given: nobody wants to know. */
  readonly offers?: HopOffers;
}

/** The way to the next hops of `[[route]]`. */
export function buildCourier(
  settings: Settings,
  domains: Domains,
  dns: Dns,
  log: Log,
  counters: Counters,
  name: string,
  { routes = settings.route, hopOf, offers }: MoreWays = {},
): RunningCourier {
  const names = { exchangers: createMailExchangers(dns), addresses: findAddresses };
  const pool = new HopPool(name, names.exchangers, log, names.addresses, offers);
  const { entries, ways } = allWays(settings, routes, domains, readAuthorities, hopOf);
  const services = { log, hostname: name, spoolFolder: spoolPlaceOf(settings).folder };
  const places = entries.flatMap(({ route, section }) => {
    const courier = createPlaceCourier(route, section, services);
    return courier === undefined ? [] : [[route.key, { route, courier, log, counters }] as const];
  });
  const asked = offers && { routes: entries.map(({ route }) => route), offers, hostname: name, names };
  const smtp = createCourier({ pool, ...ways, log, counters, ...askedOffers(asked, settings) });
  return createDispatch({ ...ways, smtp, places: new Map(places) });
}

/** What all hops are known to offer, and the question to those that nobody has seen if any client may be offered it. */
function askedOffers(
  asked: Asking | undefined,
  { smtp }: Settings,
): { readonly offered: () => Offered; readonly question?: OffersQuestion } {
  const hops = asked?.routes.flatMap((route) => route.hops) ?? [];
  // The hosts behind MX records are never all known, and a place of another kind offers nothing.
  const isNever =
    asked?.routes.some(({ place }) => place !== undefined) === true || hops.some(({ kind }) => kind === "mx");
  if (asked === undefined || isNever || (smtp.dsn === "none" && smtp.smtputf8 === "none")) {
    return { offered: () => nothingOffered };
  }
  return { offered: offeredByAll(hops, asked.offers), question: new OffersQuestion(asked) };
}

/** The same, with the copies of `[[copy]]` behind it, in a queue of these. */
export function buildCopyingCourier(
  queues: CopyQueues,
  ...[settings, domains, dns, log, counters, name, more]: Parameters<typeof buildCourier>
): RunningCourier {
  const courier = buildCourier(settings, domains, dns, log, counters, name, more);
  if (settings.copy.length === 0) {
    return courier;
  }
  const ways = waysOf(
    routesOf(settings.copy, () => undefined),
    domains,
  );
  const copies = buildCourier(settings, domains, dns, log, noCounters, name, { routes: settings.copy });
  const copyOf = (mailbox: Mailbox): string | undefined => routeOf(ways, domainOf(ways, mailbox))?.key;
  return createCopying(courier, {
    queue: new CopyQueue({ courier: copies, wayOf: copyOf, log, counters }, queues),
    folder: spoolPlaceOf(settings).folder,
    log,
    wayOf: copyOf,
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
export function createSameNextHop(
  settings: Settings,
  domains: Domains,
  hopOf?: FindSourceHop,
): (mailboxes: readonly Mailbox[]) => boolean {
  const { ways } = allWays(settings, settings.route, domains, () => undefined, hopOf);
  return (mailboxes) => {
    const routed = mailboxes.filter((mailbox) => wayOf(ways, mailbox) !== undefined);
    return routed.length < 2 || commonRoute(ways, routed) !== undefined;
  };
}

/** Routes and the way to them, with those of sources if there are any. */
function allWays(
  settings: Settings,
  routes: readonly RouteSettings[],
  domains: Domains,
  authorities: (file: string) => string | undefined,
  hopOf: FindSourceHop | undefined,
): { readonly entries: readonly Entry[]; readonly ways: Ways } {
  const entries = routesOf(routes, authorities);
  const ways = waysOf(entries, domains);
  if (hopOf === undefined) {
    return { entries, ways };
  }
  const sections = sourceRoutes(settings);
  const more = routesOf([...new Set(sections.values())], authorities);
  const textOf = new Map([...entries, ...more].map(({ route, section }) => [route.key, section.next_hop.join(" ")]));
  const own = (mailbox: Mailbox): Route | undefined => {
    const hop = hopOf(mailbox);
    if (hop === undefined) {
      return undefined;
    }
    // The route of its domain, if it leads there too: so both are one transaction.
    const usual = routeOf(ways, domainOf(ways, mailbox));
    const section = sections.get(hop.source);
    return textOf.get(usual?.key ?? "") === hop.next_hop.join(" ")
      ? usual
      : more.find((entry) => entry.section === section)?.route;
  };
  return { entries: [...entries, ...more], ways: { ...ways, own } };
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
        forwards: route.forward_client,
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
