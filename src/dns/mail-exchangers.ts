/** A domain's own mail exchangers by DNS, best first. RFC 5321 5.1, RFC 7505. */
import { Resolver } from "node:dns/promises";

import type { HopEndpoint } from "../mail/hop-endpoint.ts";

/** More than this many are not tried. */
const most = 5;

/** Asks name servers; with a deadline of about ten seconds in all. */
export interface MailExchangers {
  /** @throws Error where DNS gave no answer; an empty list where the domain takes no mail (RFC 7505) */
  find(domain: string): Promise<HopEndpoint[]>;
}

/** @param servers "192.0.2.53" or with a port; empty: the system's */
export function createMailExchangers(servers: readonly string[], port = 25): MailExchangers {
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  if (servers.length > 0) {
    resolver.setServers(servers);
  }
  return {
    find: async (domain) => {
      const hosts = await exchangers(resolver, domain);
      const endpoints = await Promise.all(
        hosts.slice(0, most).map(async (name) => {
          const found = await addresses(resolver, name);
          return found.map((host) => ({ host, port, name }));
        }),
      );
      return endpoints.flat().slice(0, most);
    },
  };
}

async function exchangers(resolver: Resolver, domain: string): Promise<string[]> {
  try {
    const found = await resolver.resolveMx(domain);
    return found
      .sort((a, b) => a.priority - b.priority)
      .map(({ exchange }) => exchange)
      .filter((exchange) => exchange !== "" && exchange !== ".");
  } catch (error) {
    // No MX record: the domain's own address is its exchanger. A server that does not answer is no such statement.
    if (["ENODATA", "ENOTFOUND"].includes((error as NodeJS.ErrnoException).code ?? "")) {
      return [domain];
    }
    throw error;
  }
}

async function addresses(resolver: Resolver, host: string): Promise<string[]> {
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
}
