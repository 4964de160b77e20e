/** Signatures of a message as it comes, by mailauth's verifier within bounds. RFC 6376, RFC 8463, RFC 8617. */
import { finished } from "node:stream/promises";

import type { ARCData, DKIMResult, DNSResolver } from "mailauth";
import type { DkimVerifier } from "mailauth/lib/dkim/dkim-verifier.js";

/** Signatures that are looked at, from the top. Each may have a body hash of its own, and asks DNS. RFC 6376 6.1. */
const mostSignatures = 8;
/** Octets of all From fields: longer ones are not read, because that takes seconds. */
const longestFrom = 16_384;

/** What a message says of itself, and what of it is true. */
export interface Signatures {
  /** One at least: "none" if there is no signature. */
  readonly dkim: readonly DKIMResult[];
  readonly arc: ARCData;
  /** Addresses in all From fields; undefined: they are too long to be read. */
  readonly from: readonly string[] | undefined;
}

/** Verifies one message. */
export class SignatureVerifier {
  readonly #verifier: Promise<DkimVerifier & { readonly isCut: boolean }>;
  #last: Promise<void> = Promise.resolve();

  constructor(resolver: DNSResolver) {
    this.#verifier = createVerifier(resolver);
    // Whoever writes or ends hears of it.
    this.#verifier.catch(() => undefined);
  }

  /** Takes the next piece. @returns a promise to wait for; the pieces are verified in their order */
  take(piece: Buffer): Promise<void> {
    const taken = this.#last.then(async () => {
      const verifier = await this.#verifier;
      await new Promise<void>((resolve, reject) => {
        verifier.write(piece, (error) => (error instanceof Error ? reject(error) : resolve()));
      });
    });
    this.#last = taken;
    return taken;
  }

  /** The message is complete. */
  async end(): Promise<Signatures> {
    await this.#last;
    const verifier = await this.#verifier;
    verifier.end();
    await finished(verifier);
    return {
      dkim: verifier.results.map(withoutTrustInParts),
      arc: verifier.arc,
      from: verifier.isCut ? undefined : verifier.headerFrom,
    };
  }
}

/**
 * A good signature of the beginning of the body (l=) says nothing of what was appended, which may replace what is
 * shown of the message: it is `policy`, and does not count. RFC 6376 8.2, RFC 8601 2.7.1.
 */
function withoutTrustInParts(found: DKIMResult): DKIMResult {
  const { status, info } = found;
  return status.result === "pass" && (status.underSized ?? 0) > 0
    ? { ...found, status: { ...status, result: "policy" }, info: info.replace(/^dkim=pass/, "dkim=policy") }
    : found;
}

async function createVerifier(resolver: DNSResolver): Promise<DkimVerifier & { readonly isCut: boolean }> {
  const { DkimVerifier: Verifier } = await import("mailauth/lib/dkim/dkim-verifier.js");
  class BoundedVerifier extends Verifier {
    isCut = false;

    override async messageHeaders(headers: Parameters<DkimVerifier["messageHeaders"]>[0]): Promise<void> {
      let left = mostSignatures;
      const from = headers.parsed.filter(({ key }) => key === "from");
      this.isCut = from.reduce((sum, { line }) => sum + line.length, 0) > longestFrom;
      const isRead = (key: string): boolean => (key === "dkim-signature" ? left-- > 0 : key !== "from" || !this.isCut);
      const parsed = headers.parsed.filter(({ key }) => isRead(key));
      await super.messageHeaders({ ...headers, parsed });
      for (const { type, skip, invalid, signingDomain, selector, hashAlgo } of this.signatureHeaders) {
        if (skip === undefined && invalid === undefined) {
          // All at once, while the body comes: a slow name server must not use up the time of the other keys.
          const name = `${selector}._domainkey.${signingDomain}`;
          this.keyCache.get(type, name, this.minBitLength, { strict: true, hashAlgo }).catch(() => undefined);
        }
      }
    }
  }
  // Of the envelope nothing is wanted here.
  const verifier = new BoundedVerifier({ resolver, sender: "<>", strict: true });
  // It is told to whoever writes.
  verifier.on("error", () => undefined);
  return verifier;
}
