/** Whether a domain lets a client send for it: SPF of the address in MAIL FROM. RFC 7208, evaluated by mailauth. */
import type { DNSResolver } from "mailauth";

import type { DnsAnswer } from "./answer.ts";
import type { Asked, Dns } from "./resolver.ts";

/** Longest evaluation, in ms. RFC 7208 4.6.4 asks for 20 s at least; nobody may wait for it so long at RCPT. */
const longest = 10_000;

/** Who sends from where. */
export interface SpfQuestion {
  readonly ip: string;
  readonly helo: string;
  /** `user@domain` */
  readonly sender: string;
}

/** `pass`, `fail`, `none` and the other results of RFC 7208 2.6. Rejects never. */
export async function spfResult(dns: Dns, { ip, helo, sender }: SpfQuestion): Promise<string> {
  try {
    const { spf } = await import("mailauth/lib/spf/index.js");
    const { status } = await spf({
      ip,
      helo,
      sender,
      strict: true,
      maxElapsedTime: longest,
      resolver: resolverFor(dns) as DNSResolver,
    });
    return status.result;
  } catch {
    return "temperror";
  }
}

/** The one resolver of the relay, in the form of node:dns. */
function resolverFor(dns: Dns): (name: string, type: string) => Promise<unknown> {
  return async (name, type) => {
    switch (type) {
      case "A":
        return values(dns.a(name));
      case "AAAA":
        return values(dns.aaaa(name));
      case "MX":
        return (await values(dns.mx(name))).map(({ preference, exchange }) => ({ priority: preference, exchange }));
      case "TXT":
        return (await values(dns.txt(name))).map((text) => [text]);
      case "PTR":
        return values(dns.ptr(name));
      default:
        throw Object.assign(new Error(`Cannot ask for ${type}`), { code: "ENODATA" });
    }
  };
}

async function values<T>(asked: Asked<T>): Promise<readonly T[]> {
  const answer: DnsAnswer<T> = await asked;
  switch (answer.kind) {
    case "found":
      return answer.values;
    case "absent":
      throw Object.assign(new Error("No such record"), { code: "ENODATA" });
    case "failed":
      throw Object.assign(new Error(answer.why), { code: "ETIMEOUT" });
  }
}
