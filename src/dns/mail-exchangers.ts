/** A domain's own mail exchangers by DNS, best first. RFC 5321 5.1, RFC 7505. */
import type { HopEndpoint } from "../mail/hop-endpoint.ts";
import type { Dns } from "./resolver.ts";

/** More than this many are not tried. */
const most = 5;

/** Asks name servers, within two questions' deadlines. */
export interface MailExchangers {
  /** @throws Error if DNS gave no answer; an empty list if the domain takes no mail (RFC 7505) */
  find(domain: string): Promise<HopEndpoint[]>;
}

/** @param port the one that exchangers listen at */
export function createMailExchangers(dns: Dns, port = 25): MailExchangers {
  return {
    find: async (domain) => {
      const hosts = (await exchangers(dns, domain)).slice(0, most);
      const found = await Promise.all(hosts.map((name) => addresses(dns, name)));
      const endpoints = hosts.flatMap((name, i) => found[i]?.addresses.map((host) => ({ host, port, name })) ?? []);
      const failure = found.find(({ why }) => why !== undefined)?.why;
      if (endpoints.length === 0 && failure !== undefined) {
        throw new Error(failure);
      }
      return endpoints.slice(0, most);
    },
  };
}

async function exchangers(dns: Dns, domain: string): Promise<string[]> {
  const found = await dns.mx(domain);
  switch (found.kind) {
    case "found":
      return found.values
        .toSorted((a, b) => a.preference - b.preference)
        .map(({ exchange }) => exchange)
        .filter((exchange) => exchange !== "");
    // No MX record: the domain's own address is its exchanger. A server that does not answer does not say so.
    case "absent":
      return [domain];
    case "failed":
      throw new Error(found.why);
  }
}

/** IPv4 first. `why` is there if one of the questions had no answer. */
async function addresses(dns: Dns, host: string): Promise<{ addresses: string[]; why: string | undefined }> {
  const answers = await Promise.all([dns.a(host), dns.aaaa(host)]);
  return {
    addresses: answers.flatMap((answer) => (answer.kind === "found" ? answer.values : [])),
    why: answers.flatMap((answer) => (answer.kind === "failed" ? [answer.why] : []))[0],
  };
}
