/**
 * DKIM signatures, relaxed/relaxed with SHA-256. RFC 6376, RFC 8301, RFC 8463. The canonical forms are mailauth's; its
 * signer is not used, because it cannot sign that a field is absent.
 */
import { createHash, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { fieldName, splitFields } from "../message/header.ts";
import { MessageSplitter } from "../message/splitter.ts";

/** Who signs, and with what. */
export interface SigningKey {
  readonly domain: string;
  readonly selector: string;
  /** RSA or Ed25519. */
  readonly key: KeyObject;
}

/** A message as a signature sees it. */
export interface Digest {
  /** The header section, one character per octet. */
  readonly header: string;
  /** Base64. */
  readonly bodyHash: string;
}

/** RFC 6376 5.4.1, and what says how the body is to be read. */
const signedNames = [
  ["from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc"],
  ["mime-version", "content-type", "content-transfer-encoding"],
  ["resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-message-id"],
  ["in-reply-to", "references"],
  ["list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner"],
  ["list-archive"],
].flat();

/** Reads a message once, however many keys sign it. @param content without dot-stuffing */
export async function digestOf(content: AsyncIterable<Buffer>): Promise<Digest> {
  const { dkimBody } = await import("mailauth/lib/dkim/body/index.js");
  const body = dkimBody("relaxed", "sha256", false);
  const splitter = new MessageSplitter();
  for await (const piece of content) {
    body.update(splitter.push(piece));
  }
  return { header: splitter.header, bodyHash: body.digest("base64") };
}

/** The field DKIM-Signature, folded, without its last line ending. @param at ms since 1970 */
export async function signatureField({ domain, selector, key }: SigningKey, message: Digest, at: number) {
  const { generateCanonicalizedHeader } = await import("mailauth/lib/dkim/header/index.js");
  const { formatSignatureHeaderLine } = await import("mailauth/lib/tools.js");
  const isRsa = key.asymmetricKeyType === "rsa";
  const { canonicalizedHeader, dkimHeaderOpts } = generateCanonicalizedHeader("DKIM", signedFields(message.header), {
    signingDomain: domain,
    selector,
    algorithm: isRsa ? "rsa-sha256" : "ed25519-sha256",
    canonicalization: "relaxed/relaxed",
    bodyHash: message.bodyHash,
    timestamp: Math.floor(at / 1000),
  });
  // RFC 8463 3: Ed25519 signs the hash.
  const signature = isRsa
    ? sign("sha256", canonicalizedHeader, key)
    : sign(null, createHash("sha256").update(canonicalizedHeader).digest(), key);
  return formatSignatureHeaderLine("DKIM", { ...dkimHeaderOpts, b: signature.toString("base64") }, true);
}

/** Fields of one name from the last to the first (RFC 6376 5.4.2), and that there is no further From (8.15). */
function signedFields(header: string) {
  const fields = splitFields(header).map((line) => ({ name: fieldName(line), line: line.replace(/\r\n$/, "") }));
  const lines = signedNames.flatMap((name) => fields.filter((one) => one.name.toLowerCase() === name).toReversed());
  return {
    keys: ["From", ...lines.map(({ name }) => name)].join(": "),
    headers: lines.map(({ line }) => ({ line: Buffer.from(line, "latin1") })),
  };
}
