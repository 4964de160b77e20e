/** What the world's name servers say of this relay: its address and name, the domains' MX, MTA-STS and TLSA records. */
import type { X509Certificate } from "node:crypto";
import { Resolver } from "node:dns/promises";

import { ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { lookAtPolicy, policyServer } from "./mta-sts.ts";
import type { PolicyServer } from "./mta-sts.ts";
import { orUnknown, patience, records } from "./records.ts";
import { lookAtTlsa } from "./tlsa.ts";

/** Whom to ask, about what. */
export interface NameQuestions {
  readonly servers: readonly string[];
  /** The relay's own. */
  readonly hostname: string;
  /** Exact names, without a leading dot. */
  readonly domains: readonly string[];
  /** Of [tls] cert, the relay's own first; empty: there is none. */
  readonly chain: readonly X509Certificate[];
}

/** Never rejects. */
export async function lookAtNames(
  { servers, hostname, domains, chain }: NameQuestions,
  server: PolicyServer = policyServer,
): Promise<readonly Finding[]> {
  const resolver = new Resolver({ timeout: patience, tries: 1 });
  if (servers.length > 0) {
    resolver.setServers([...servers]);
  }
  const parts = [
    lookAtOwnName(resolver, hostname),
    lookAtTlsa(resolver, hostname, chain),
    ...domains.flatMap((domain) => [
      lookAtMx(resolver, domain, hostname),
      lookAtPolicy(resolver, { domain, hostname, certificate: chain[0], server }),
    ]),
  ];
  return (await Promise.all(parts)).flat();
}

/** Forward and back: receivers of our mail look at it. */
function lookAtOwnName(resolver: Resolver, hostname: string): Promise<readonly Finding[]> {
  return orUnknown("name", async () => {
    const addresses = [
      ...(await records(resolver.resolve4(hostname))),
      ...(await records(resolver.resolve6(hostname))),
    ];
    if (addresses.length === 0) {
      return [warning("name", `${hostname} has no address`, "an A or AAAA record, or [smtp] hostname")];
    }
    const names = await Promise.all(addresses.map((address) => records(resolver.reverse(address))));
    const strange = addresses.filter((_, i) =>
      names[i]?.every((name) => name.toLowerCase() !== hostname.toLowerCase()),
    );
    return strange.length === 0
      ? [ok("name", `${hostname} is ${addresses.join(", ")}, and back`)]
      : [warning("name", `${strange.join(", ")} does not lead back to ${hostname}`, "a PTR record")];
  });
}

function lookAtMx(resolver: Resolver, domain: string, hostname: string): Promise<readonly Finding[]> {
  return orUnknown("MX", async () => {
    const found = await records(resolver.resolveMx(domain));
    const hosts = found.map(({ exchange }) => exchange.toLowerCase());
    if (hosts.includes(hostname.toLowerCase())) {
      return [ok("MX", `${domain} has ${hostname}`)];
    }
    const others = hosts.length === 0 ? "no record" : hosts.join(", ");
    return [warning("MX", `${domain} does not name ${hostname}: ${others}`, "[smtp] hostname, or the record")];
  });
}
