/**
 * The signature of a snapshot file: Ed25519 (RFC 8032), inside the file, so that both travel and are renamed as one.
 *
 * Signed is the SHA-256 of the whole file in which the seal and the signature count as zeros. The signature is in
 * `meta.signature` as hex; the seal covers it. It is looked at before SQLite is let near the bytes.
 */
import { createHash, createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { sealOffset, sealWithin, unsealed } from "./format.ts";

/** What is in `meta.signature` while the file is made. */
export const unsigned = "0".repeat(128);

/** Offset of the 128 hex digits of the signature; -1 where the file has none. */
export function signatureOffset(head: Uint8Array): number {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, sealWithin)).toString("latin1");
  const match = /signature(?=[0-9a-f]{128})/.exec(text);
  return match === null ? -1 : match.index + match[0].length;
}

/** The 128 hex digits over a file's hash (32 bytes). */
export function signHash(hash: Buffer, key: KeyObject): string {
  return sign(null, message(hash), key).toString("hex");
}

/** Words before the hash: a signature over anything else is none over a snapshot. */
function message(hash: Buffer): Buffer {
  return Buffer.concat([Buffer.from("goodmailto snapshot\0", "latin1"), hash]);
}

/**
 * Why a file's bytes are not what one of these keys signed; undefined if they are, or where there are no keys.
 * @param keys PEM
 */
export function inspectSignature(bytes: Buffer, keys: readonly string[]): string | undefined {
  if (keys.length === 0) {
    return undefined;
  }
  const at = signatureOffset(bytes);
  if (at < 0) {
    return "it is not signed, and [snapshot] public_key_file is set";
  }
  const signature = Buffer.from(bytes.toString("latin1", at, at + unsigned.length), "hex");
  const signed = message(hashContent(bytes, at));
  return keys.some((key) => verify(null, signed, createPublicKey(key), signature))
    ? undefined
    : "it was altered, or signed with another key";
}

function hashContent(bytes: Buffer, at: number): Buffer {
  const head = Buffer.from(bytes.subarray(0, sealWithin));
  head.write(unsigned, at, "latin1");
  const seal = sealOffset(head);
  if (seal >= 0) {
    head.write(unsealed, seal, "latin1");
  }
  return createHash("sha256").update(head).update(bytes.subarray(head.length)).digest();
}

/** The public keys in the text of a file: PEM blocks one after another. @throws Error if one is not an Ed25519 key */
export function parsePublicKeys(text: string): string[] {
  const blocks = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  for (const block of blocks) {
    if (createPublicKey(block).asymmetricKeyType !== "ed25519") {
      throw new TypeError("a key is not Ed25519");
    }
  }
  return [...blocks];
}
