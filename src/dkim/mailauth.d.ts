/** Parts of mailauth that have no types of their own. */

declare module "mailauth/lib/dkim/body/index.js" {
  export interface BodyHash {
    update(piece: Buffer): void;
    digest(encoding: "base64"): string;
  }
  export function dkimBody(canonicalization: "relaxed" | "simple", algorithm: "sha256", longest: false): BodyHash;
}

declare module "mailauth/lib/dkim/header/index.js" {
  /** Names joined with ": ", and the lines that they mean: a name without a line is one that must stay absent. */
  export interface SignedFields {
    readonly keys: string;
    readonly headers: readonly { readonly line: Buffer }[];
  }
  export interface SignatureFacts {
    readonly signingDomain: string;
    readonly selector: string;
    readonly algorithm: string;
    readonly canonicalization: "relaxed/relaxed";
    readonly bodyHash: string;
    /** s since 1970. */
    readonly timestamp: number;
  }
  export function generateCanonicalizedHeader(
    type: "DKIM",
    fields: SignedFields,
    facts: SignatureFacts,
  ): { readonly canonicalizedHeader: Buffer; readonly dkimHeaderOpts: Readonly<Record<string, unknown>> };
}

declare module "mailauth/lib/tools.js" {
  export function formatSignatureHeaderLine(
    type: "DKIM",
    values: Readonly<Record<string, unknown>>,
    folded: boolean,
  ): string;
}

declare module "mailauth/lib/dkim/dkim-verifier.js" {
  import type { Writable } from "node:stream";
  import type { ARCData, DKIMResult, DNSResolver } from "mailauth";

  export interface ParsedHeader {
    readonly parsed: readonly { readonly key: string; readonly line: Buffer }[];
    readonly original: Buffer;
  }
  export interface SignatureHeader {
    readonly type: "DKIM" | "ARC";
    readonly skip?: string;
    readonly invalid?: string;
    readonly signingDomain: string;
    readonly selector: string;
    readonly hashAlgo: string;
  }
  /** Takes a message; all below is complete when it has finished. */
  export class DkimVerifier extends Writable {
    constructor(options: { readonly resolver: DNSResolver; readonly sender: string; readonly strict: true });
    readonly results: readonly DKIMResult[];
    /** Addresses in From fields. */
    readonly headerFrom: readonly string[];
    readonly arc: ARCData;
    readonly signatureHeaders: readonly SignatureHeader[];
    readonly minBitLength: number | undefined;
    readonly keyCache: {
      get(type: string, name: string, bits: number | undefined, options: object): Promise<unknown>;
    };
    messageHeaders(headers: ParsedHeader): Promise<void>;
  }
}
