/** A resolver that asks a test's name servers. */
import { Resolver } from "../../src/dns/resolver.ts";
import type { DnsSettings } from "../../src/dns/resolver.ts";
import { silentLog } from "../../src/report/log.ts";
import type { Log } from "../../src/report/log.ts";

/** @param servers "127.0.0.1:port"; none: a port where nobody listens */
export function resolverOf(
  servers: readonly string[] = ["127.0.0.1:9"],
  more: Partial<DnsSettings> = {},
  log: Log = silentLog,
  now: () => number = Date.now,
): Resolver {
  return new Resolver({ servers, timeout: 5000, cacheSize: 10_000, ...more }, log, now);
}
