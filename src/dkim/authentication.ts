/** SPF, DKIM, ARC and DMARC of one message, together. */
import type { DNSResolver } from "mailauth";

import { libraryResolver } from "../dns/library-resolver.ts";
import type { Dns } from "../dns/resolver.ts";
import { evaluateSpf } from "../dns/spf.ts";
import type { SpfQuestion } from "../dns/spf.ts";
import { evaluateDmarc } from "./dmarc.ts";
import type { DmarcResult } from "./dmarc.ts";
import { SignatureVerifier } from "./verifier.ts";

/** Which methods are wanted. */
export interface Methods {
  readonly spf: boolean;
  readonly dkim: boolean;
  readonly dmarc: boolean;
  readonly arc: boolean;
}

/** What became of them; without those that are not wanted. */
export interface Results {
  readonly spf: string | undefined;
  /** One for each signature. */
  readonly dkim: readonly string[];
  /** The domains (d=) of those that are good. */
  readonly signers: readonly string[];
  readonly arc: string | undefined;
  /** One for each author domain. */
  readonly dmarc: readonly DmarcResult[];
  /** As in Authentication-Results. */
  readonly lines: readonly string[];
}

/** One message under examination. */
export class Authentication {
  readonly #dns: Dns;
  readonly #methods: Methods;
  readonly #question: SpfQuestion;
  readonly #timeout: number;
  readonly #lookups: Deadline;
  readonly #resolver: DNSResolver;
  readonly #signatures: SignatureVerifier;

  /** @param timeout ms from the end of the message: for SPF and DKIM, and once more for DMARC and ARC */
  constructor(dns: Dns, question: SpfQuestion, methods: Methods, timeout: number) {
    this.#dns = dns;
    this.#methods = methods;
    this.#question = question;
    this.#timeout = timeout;
    this.#lookups = new Deadline();
    this.#resolver = libraryResolver(dns, this.#lookups.signal);
    this.#signatures = new SignatureVerifier(this.#resolver);
  }

  /** Takes the next piece of the message as received. */
  take(piece: Buffer): Promise<void> {
    return this.#signatures.take(piece);
  }

  /** The message is complete. @param signal aborts when nobody waits any more: what is not known is `temperror` then */
  async end(signal: AbortSignal): Promise<Results> {
    this.#lookups.start(this.#timeout, signal);
    const [signatures, spf] = await Promise.all([
      this.#signatures.end(),
      evaluateSpf(this.#resolver, this.#question),
    ]).finally(() => this.#lookups.stop());
    const further = new Deadline();
    further.start(this.#timeout, signal);
    const resolver = libraryResolver(this.#dns, further.signal);
    const { ip } = this.#question;
    const wanted = this.#methods;
    const [dmarc, arc] = await Promise.all([
      wanted.dmarc ? evaluateDmarc(resolver, { ...signatures, spf }) : [],
      wanted.arc ? evaluateArc(signatures.arc, resolver, ip) : undefined,
    ]).finally(() => further.stop());
    return {
      spf: wanted.spf ? spf.result : undefined,
      dkim: wanted.dkim ? signatures.dkim.map(({ status }) => status.result) : [],
      signers: signatures.dkim.flatMap(({ status, signingDomain }) =>
        status.result === "pass" && signingDomain !== undefined ? [signingDomain] : [],
      ),
      arc: arc?.status.result,
      dmarc,
      lines: [
        ...(wanted.dkim ? signatures.dkim.map(({ info }) => info) : []),
        ...(wanted.spf ? [spf.info] : []),
        ...(arc === undefined ? [] : [arc.info]),
        ...dmarc.map(({ info }) => info),
      ].filter((line) => typeof line === "string"),
    };
  }

  /** Nobody wants to know any more. */
  abandon(): void {
    this.#lookups.stop();
  }
}

async function evaluateArc(data: Parameters<typeof import("mailauth").arc>[0], resolver: DNSResolver, ip: string) {
  const { arc } = await import("mailauth/lib/arc/index.js");
  // Without mailauth's own cache of keys, which would go by the time limit of SPF and DKIM.
  const { chain, lastEntry, error } = data;
  return arc(
    { chain, ...(lastEntry === undefined ? {} : { lastEntry }), ...(error === undefined ? {} : { error }) },
    {
      resolver,
      strict: true,
      ip,
    },
  );
}

/** Until when name servers are waited for; what they say later is in the cache of the resolver. */
class Deadline {
  readonly #end = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #given: AbortSignal | undefined;

  /** Aborts when it has passed. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  start(ms: number, given: AbortSignal): void {
    this.#timer = setTimeout(this.#pass, ms);
    this.#given = given;
    if (given.aborted) {
      this.#pass();
    }
    given.addEventListener("abort", this.#pass, { once: true });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#pass);
  }

  readonly #pass = (): void => this.#end.abort();
}
