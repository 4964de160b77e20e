/** DMARC of a message, whatever its From fields say: the worst result of all its author domains counts. RFC 9989, RFC 7489 6.6.1. */
import type { DKIMResult, DNSResolver } from "mailauth";

import type { SpfResult } from "../dns/spf.ts";

/** Author domains that are looked up at most. A message with more of them is an attempt to deceive. */
const mostAuthors = 10;

/** What DMARC says of one author domain. */
export interface DmarcResult {
  /** `pass`, `fail`, `none`, `temperror`, `permerror`. RFC 7489 11.2. */
  readonly result: string;
  /** What the domain asks for if it is `fail`: `none`, `quarantine`, `reject`; `unknown` where it could not be asked. */
  readonly policy: string;
  readonly domain: string;
  /** As in Authentication-Results. */
  readonly info: string;
}

/** What DMARC goes by. */
export interface Evidence {
  /** Undefined: too many to be read. */
  readonly from: readonly string[] | undefined;
  readonly spf: SpfResult;
  readonly dkim: readonly DKIMResult[];
}

/** One result for each author domain; one of `permerror` if there is none. Rejects never. */
export async function evaluateDmarc(resolver: DNSResolver, evidence: Evidence): Promise<readonly DmarcResult[]> {
  const domains = Map.groupBy(evidence.from ?? [], (address) =>
    address.slice(address.lastIndexOf("@") + 1).toLowerCase(),
  );
  if (evidence.from === undefined || domains.size > mostAuthors) {
    return [{ result: "fail", policy: "reject", domain: "too many authors", info: "dmarc=fail (too many authors)" }];
  }
  const all = [...domains].map(([domain, [address = ""]]) => evaluateOne(resolver, evidence, domain, address));
  return all.length === 0 ? [noAuthor] : Promise.all(all);
}

const noAuthor: DmarcResult = { result: "permerror", policy: "none", domain: "", info: "dmarc=permerror (no author)" };

async function evaluateOne(
  resolver: DNSResolver,
  { spf, dkim }: Evidence,
  domain: string,
  address: string,
): Promise<DmarcResult> {
  try {
    const { dmarc } = await import("mailauth/lib/dmarc/index.js");
    const ask = (results: readonly string[]) =>
      dmarc({
        headerFrom: [address],
        fromFields: 1,
        spfDomains: results.includes(spf.result) ? [spf.domain] : [],
        dkimDomains: dkim.flatMap(({ status, signingDomain }) =>
          results.includes(status.result) && signingDomain !== undefined ? [{ domain: signingDomain }] : [],
        ),
        resolver,
        strict: true,
      });
    const found = await ask(["pass"]);
    if (found === false) {
      return { ...noAuthor, info: "dmarc=permerror (author without a domain)" };
    }
    const { status, info } = found;
    // There is none where no record was found, whatever its type says.
    const policy = found.policy || "unknown";
    if (status.result === "fail") {
      // Whether it fails is not known if what could not be asked would have made it pass.
      const perhaps = await ask(["pass", "temperror"]);
      if (perhaps !== false && perhaps.status.result !== "fail") {
        return { result: "temperror", policy, domain, info: info.replace("dmarc=fail", "dmarc=temperror") };
      }
    }
    // mailauth assumes the weaker one of sp and np where it is not known whether the domain exists.
    return { result: status.result, policy: status.result === "temperror" ? "unknown" : policy, domain, info };
  } catch {
    return { result: "temperror", policy: "unknown", domain, info: "dmarc=temperror" };
  }
}
