/** The MTA-STS policy of a domain, as its senders see it: RFC 8461. One that does not name this relay keeps mail away. */
import type { X509Certificate } from "node:crypto";
import type { Resolver } from "node:dns/promises";
import { get } from "node:https";
import type { LookupFunction } from "node:net";

import { errorMessage } from "../report/error-message.ts";
import { fault, ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { orUnknown, patience, records } from "./records.ts";

/** Octets of a policy that senders read, RFC 8461 3.2. */
const longest = 65_536;
/** Seconds. The longest that RFC 8461 3.2 allows, and what protects nobody: a sender forgets it between two messages. */
const longestAge = 31_557_600;
const shortAge = 86_400;

/** How a policy is fetched. */
export interface PolicyServer {
  readonly port: number;
  /** PEM; undefined: the authorities that Node trusts. */
  readonly ca: string | undefined;
}

/** As every sender does, RFC 8461 3.3. */
export const policyServer: PolicyServer = { port: 443, ca: undefined };

/** Whose policy, and what it must fit. */
export interface PolicyQuestion {
  readonly domain: string;
  /** The relay's own name. */
  readonly hostname: string;
  /** The relay's own. */
  readonly certificate: X509Certificate | undefined;
  readonly server: PolicyServer;
}

/** Nothing where the domain has no policy. Never rejects. */
export function lookAtPolicy(resolver: Resolver, question: PolicyQuestion): Promise<readonly Finding[]> {
  const { domain } = question;
  return orUnknown("MTA-STS", async () => {
    const texts = (await records(resolver.resolveTxt(`_mta-sts.${domain}`))).map((parts) => parts.join(""));
    const own = texts.filter((text) => /^v=STSv1\s*;/.test(text));
    if (own.length === 0) {
      return [];
    }
    if (own.length > 1 || !/;\s*id=[a-zA-Z0-9]{1,32}\s*(?:;|$)/.test(own[0] ?? "")) {
      const said = `_mta-sts.${domain} must be one record "v=STSv1; id=…": senders ignore it`;
      return [warning("MTA-STS", said, "mend the record")];
    }
    try {
      return judge(await fetchPolicy(resolver, question), question);
    } catch (error) {
      const said = `the policy of ${domain} cannot be fetched, and senders that do not have it yet ignore it: ${errorMessage(error)}`;
      return [warning("MTA-STS", said, `mend https://mta-sts.${domain}/.well-known/mta-sts.txt`)];
    }
  });
}

/** The text. @throws Error where a sender gets none either */
async function fetchPolicy(resolver: Resolver, { domain, server }: PolicyQuestion): Promise<string> {
  const host = `mta-sts.${domain}`;
  const addresses = [...(await records(resolver.resolve4(host))), ...(await records(resolver.resolve6(host)))];
  if (addresses.length === 0) {
    throw new Error(`${host} has no address`);
  }
  const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const lookup: LookupFunction = (_, { all }, done) =>
    all === true ? done(null, found) : done(null, found[0]?.address ?? "", found[0]?.family);
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patience);
    const options = { port: server.port, ca: server.ca, lookup, signal, agent: false } as const;
    const request = get(`https://${host}/.well-known/mta-sts.txt`, options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        if (text.length > longest) {
          response.destroy(new Error(`it is longer than ${longest} octets`));
        }
      });
      response.on("error", reject).on("end", () => {
        // RFC 8461 3.3: whatever else it is, a redirection included.
        if (response.statusCode === 200) {
          resolve(text);
        } else {
          reject(new Error(`the answer is ${response.statusCode}`));
        }
      });
    });
    request.on("error", reject);
  });
}

interface Policy {
  readonly mode: string;
  /** Seconds. */
  readonly age: number;
  readonly hosts: readonly string[];
}

/** Undefined: senders take it for none, RFC 8461 3.2. */
function parsePolicy(text: string): Policy | undefined {
  const pairs = [...text.matchAll(/^(\w+)[ \t]*:[ \t]*(\S+)[ \t]*\r?$/gm)].map(([, key = "", value = ""]) => [
    key,
    value,
  ]);
  const first = (key: string): string => pairs.find(([name]) => name === key)?.[1] ?? "";
  const hosts = pairs.flatMap(([key, value = ""]) => (key === "mx" ? [value.toLowerCase()] : []));
  const [mode, age] = [first("mode"), first("max_age")];
  const isPolicy =
    first("version") === "STSv1" &&
    ["enforce", "testing", "none"].includes(mode) &&
    /^\d{1,10}$/.test(age) &&
    Number(age) <= longestAge &&
    (hosts.length > 0 || mode === "none");
  return isPolicy ? { mode, age: Number(age), hosts } : undefined;
}

function judge(text: string, question: PolicyQuestion): readonly Finding[] {
  const { domain } = question;
  const policy = parsePolicy(text);
  if (policy === undefined) {
    const said = `the policy of ${domain} is none: it needs version, mode, max_age (to ${longestAge}) and mx`;
    return [warning("MTA-STS", said, "mend the policy: senders ignore it")];
  }
  if (policy.mode === "none") {
    return [ok("MTA-STS", `the policy of ${domain} asks for nothing (mode: none)`)];
  }
  const isShort = policy.age < shortAge;
  const said = `the policy of ${domain} has max_age ${policy.age}: senders forget it within a day`;
  return [...judgeHosts(policy, question), ...(isShort ? [warning("MTA-STS", said, "a week or more")] : [])];
}

function judgeHosts({ mode, hosts }: Policy, { domain, hostname, certificate }: PolicyQuestion): readonly Finding[] {
  const bad = mode === "enforce" ? fault : warning;
  if (!hosts.some((host) => covers(host, hostname.toLowerCase()))) {
    const said = `the policy of ${domain} does not name ${hostname}: ${hosts.slice(0, 5).join(", ")} (mode: ${mode})`;
    return [bad("MTA-STS", said, "add it to the policy, and change the id of the record")];
  }
  // Of a private authority nothing can be said here.
  return certificate?.checkIssued(certificate) === true
    ? [bad("MTA-STS", "senders do not trust a self-signed certificate", "a certificate of a public authority")]
    : [ok("MTA-STS", `the policy of ${domain} names ${hostname} (mode: ${mode})`)];
}

/** RFC 8461 4.1: the wildcard stands for one label. */
function covers(pattern: string, host: string): boolean {
  return pattern.startsWith("*.") ? host.slice(host.indexOf(".")) === pattern.slice(1) : pattern === host;
}
