/** Whether a domain lets a client send for it: SPF of the address in MAIL FROM. RFC 7208, evaluated by mailauth. */
import type { DNSResolver } from "mailauth";

import { libraryResolver } from "./library-resolver.ts";
import type { Dns } from "./resolver.ts";

/** Longest evaluation, in ms. RFC 7208 4.6.4 asks for 20 s at least; nobody may wait for it so long at RCPT. */
const longest = 10_000;

/** Who sends from where. */
export interface SpfQuestion {
  readonly ip: string;
  readonly helo: string;
  /** `user@domain`; "" for the null sender, of which the name in HELO is looked at. */
  readonly sender: string;
  /** The name of this host, for the comment. */
  readonly hostname?: string;
}

/** What SPF says. */
export interface SpfResult {
  /** `pass`, `fail`, `none` and the other results of RFC 7208 2.6. */
  readonly result: string;
  /** The domain that was asked about. */
  readonly domain: string;
  /** As in Authentication-Results. RFC 8601 2.7.2. */
  readonly info: string;
}

/** The result alone. Rejects never. */
export async function spfResult(dns: Dns, question: SpfQuestion): Promise<string> {
  return (await evaluateSpf(libraryResolver(dns), question)).result;
}

/** Rejects never. */
export async function evaluateSpf(resolver: DNSResolver, question: SpfQuestion): Promise<SpfResult> {
  const { ip, helo, sender, hostname } = question;
  try {
    const { spf } = await import("mailauth/lib/spf/index.js");
    const { status, domain, info } = await spf({
      ip,
      helo,
      sender,
      ...(hostname === undefined ? {} : { mta: hostname }),
      strict: true,
      maxElapsedTime: longest,
      resolver,
    });
    return { result: status.result, domain, info };
  } catch {
    return { result: "temperror", domain: "", info: "spf=temperror" };
  }
}
