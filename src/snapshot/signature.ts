/**
 * The signature of a snapshot file: Ed25519 (RFC 8032), inside the file, so that both travel and are renamed as one.
 *
 * Signed is the SHA-256 of the whole file in which the seal and the signature count as zeros. The signature is in
 * `meta.signature` as hex; the seal covers it. It is looked at before SQLite is let near the bytes.
 */
import { createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { sealWithin } from "./format.ts";

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
 * Why a file is not what one of these keys signed; undefined if it is, or where there are no keys.
 * @param head its first bytes
 * @param hash what is signed of it, see content-hash.ts; undefined: there is no signature
 * @param keys PEM
 */
export function inspectSignature(head: Buffer, hash: Buffer | undefined, keys: readonly string[]): string | undefined {
  if (keys.length === 0) {
    return undefined;
  }
  if (hash === undefined) {
    return "it is not signed, and [snapshot] public_key_file is set";
  }
  const at = signatureOffset(head);
  const signature = Buffer.from(head.toString("latin1", at, at + unsigned.length), "hex");
  const signed = message(hash);
  return keys.some((key) => verify(null, signed, createPublicKey(key), signature))
    ? undefined
    : "it was altered, or signed with another key";
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
