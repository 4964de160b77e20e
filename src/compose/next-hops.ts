/** The way to the next hops: `[[route]]` into a courier, for the relay and for alerts. */
import { readFileSync } from "node:fs";

import type { Settings } from "../config/sections.ts";
import type { Counters } from "../report/counters.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Courier } from "../mail/courier.ts";
import type { Domains } from "../mail/domains.ts";
import type { Log } from "../report/log.ts";
import { refuseAuthorities } from "../files/authorities.ts";
import { parseNextHop } from "../mail/next-hop.ts";
import { createCourier } from "../couriers/smtp/courier.ts";
import { HopPool } from "../couriers/smtp/hop-pool.ts";
import { createMailExchangers } from "../dns/mail-exchangers.ts";
import type { Dns } from "../dns/resolver.ts";
import { createRoutes } from "../couriers/contract/routes.ts";
import { commonRoute, domainOf, routeOf } from "../couriers/contract/way.ts";
import type { Ways } from "../couriers/contract/way.ts";
import { FileFault } from "./file-fault.ts";

/** The way to the next hops of `[[route]]`. */
export function buildCourier(
  settings: Settings,
  domains: Domains,
  dns: Dns,
  log: Log,
  counters: Counters,
  name: string,
): Courier & { close(): void } {
  const pool = new HopPool(name, createMailExchangers(dns), log);
  return createCourier({ pool, ...waysOf(settings, domains, readAuthorities), log, counters });
}

/** Whether addresses that have a way go the same one: one transaction has one next hop. */
export function createSameNextHop(settings: Settings, domains: Domains): (mailboxes: readonly Mailbox[]) => boolean {
  const ways = waysOf(settings, domains, () => undefined);
  return (mailboxes) => {
    const routed = mailboxes.filter((mailbox) => routeOf(ways, domainOf(ways, mailbox)) !== undefined);
    return routed.length < 2 || commonRoute(ways, routed) !== undefined;
  };
}

/** @param authorities reads a `ca_file` */
function waysOf(settings: Settings, domains: Domains, authorities: (file: string) => string | undefined): Ways {
  const routes = settings.route.map((route) => {
    const ca = route.ca_file === "" ? undefined : authorities(route.ca_file);
    return {
      domain: route.domain,
      route: {
        key: `${route.domain} ${route.next_hop.join(" ")}`,
        hops: route.next_hop.flatMap((text) => parseNextHop(text) ?? []),
        tls: { mode: route.tls, ca, name: route.tls_name === "" ? undefined : route.tls_name },
        timeout: route.timeout,
        dataTimeout: route.data_timeout,
        replies: route.replies,
      },
    };
  });
  return {
    routes: createRoutes(routes),
    // A bare <postmaster> (RFC 5321 4.5.1) goes where the first domain goes.
    canonical: (domain) => (domain === "" ? (domains.relay[0] ?? "") : (domains.canonical(domain) ?? domain)),
  };
}

/** @throws FileFault if it names none, and no connection could be made */
function readAuthorities(file: string): string {
  const text = readFileSync(file, "utf8");
  const fault = refuseAuthorities(text);
  if (fault !== undefined) {
    throw new FileFault(`[[route]] ca_file: "${file}" ${fault}`);
  }
  return text;
}
