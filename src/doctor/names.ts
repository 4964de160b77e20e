/** What the world's name servers say of this relay: its address and name, the domains' MX, MTA-STS and TLSA records. */
import { createHash } from "node:crypto";
import type { X509Certificate } from "node:crypto";
import { Resolver } from "node:dns/promises";

import { errorCode, errorMessage } from "../report/error-message.ts";
import { fault, ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** ms: of one question, and of the policy by HTTPS. */
const patience = 5000;
/** Octets of an MTA-STS policy, RFC 8461 3.2. */
const longestPolicy = 65_536;

/** Whom to ask, about what. */
export interface NameQuestions {
  readonly servers: readonly string[];
  /** The relay's own. */
  readonly hostname: string;
  /** Exact names, without a leading dot. */
  readonly domains: readonly string[];
  readonly certificate: X509Certificate | undefined;
}

/** Never rejects. */
export async function lookAtNames(questions: NameQuestions): Promise<readonly Finding[]> {
  const resolver = new Resolver({ timeout: patience, tries: 1 });
  if (questions.servers.length > 0) {
    resolver.setServers([...questions.servers]);
  }
  const parts = [
    lookAtOwnName(resolver, questions.hostname),
    lookAtTlsa(resolver, questions),
    ...questions.domains.flatMap((domain) => [
      lookAtMx(resolver, domain, questions.hostname),
      lookAtPolicy(resolver, domain, questions.hostname),
    ]),
  ];
  return (await Promise.all(parts)).flat();
}

/** The records; none where the name or its records do not exist. @throws where nobody answered */
async function records<T>(asked: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await asked;
  } catch (error) {
    if (["ENOTFOUND", "ENODATA"].includes(errorCode(error))) {
      return [];
    }
    throw error;
  }
}

async function orFault(what: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [warning(what, `not known: ${errorMessage(error)}`, "are the name servers of [dns] servers right?")];
  }
}

/** Forward and back: receivers of our mail look at it. */
function lookAtOwnName(resolver: Resolver, hostname: string): Promise<readonly Finding[]> {
  return orFault("name", async () => {
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
  return orFault("MX", async () => {
    const found = await records(resolver.resolveMx(domain));
    const hosts = found.map(({ exchange }) => exchange.toLowerCase());
    if (hosts.includes(hostname.toLowerCase())) {
      return [ok("MX", `${domain} has ${hostname}`)];
    }
    const others = hosts.length === 0 ? "no record" : hosts.join(", ");
    return [warning("MX", `${domain} does not name ${hostname}: ${others}`, "[smtp] hostname, or the record")];
  });
}

/** RFC 8461: a policy that does not name us keeps mail away. */
function lookAtPolicy(resolver: Resolver, domain: string, hostname: string): Promise<readonly Finding[]> {
  return orFault("MTA-STS", async () => {
    const texts = await records(resolver.resolveTxt(`_mta-sts.${domain}`));
    if (!texts.some((text) => text.join("").startsWith("v=STSv1"))) {
      return [];
    }
    const url = `https://mta-sts.${domain}/.well-known/mta-sts.txt`;
    const answer = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(patience) });
    const text = (await answer.text()).slice(0, longestPolicy);
    const hosts = [...text.matchAll(/^mx:\s*(\S+)\s*$/gm)].map(([, host = ""]) => host.toLowerCase());
    return hosts.some((host) => covers(host, hostname.toLowerCase()))
      ? [ok("MTA-STS", `the policy of ${domain} names ${hostname}`)]
      : [
          fault(
            "MTA-STS",
            `the policy of ${domain} does not name ${hostname}`,
            "add it to the policy, and change the id of the record",
          ),
        ];
  });
}

function covers(pattern: string, host: string): boolean {
  return pattern.startsWith("*.") ? host.slice(host.indexOf(".")) === pattern.slice(1) : pattern === host;
}

/** RFC 7672: a TLSA record that the certificate does not fit keeps mail away. Only usages of a server's own key are compared. */
function lookAtTlsa(resolver: Resolver, { hostname, certificate }: NameQuestions): Promise<readonly Finding[]> {
  return orFault("TLSA", async () => {
    const found = await records(resolver.resolveTlsa(`_25._tcp.${hostname}`));
    const own = found.filter(({ certUsage }) => certUsage === 3);
    if (own.length === 0 || certificate === undefined) {
      return [];
    }
    const fits = own.some(({ selector, match, data }) => {
      const bytes = selector === 1 ? certificate.publicKey.export({ type: "spki", format: "der" }) : certificate.raw;
      const hash =
        match === 0
          ? bytes
          : createHash(match === 2 ? "sha512" : "sha256")
              .update(bytes)
              .digest();
      return hash.equals(Buffer.from(data));
    });
    return fits
      ? [ok("TLSA", `fits the certificate`)]
      : [
          fault(
            "TLSA",
            `no record of _25._tcp.${hostname} fits the certificate`,
            "publish the new one before the certificate changes",
          ),
        ];
  });
}
