/** `[dns]` into the resolver. */
import type { Settings } from "../config/sections.ts";
import { Resolver } from "../dns/resolver.ts";
import type { Log } from "../report/log.ts";

/** Asks nothing before it is asked, so that it costs nothing to have one. */
export function createResolver({ dns }: Settings, log: Log): Resolver {
  return new Resolver({ servers: dns.servers, timeout: dns.timeout, cacheSize: dns.cache_size }, log);
}
