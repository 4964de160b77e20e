/**
 * Hashed snapshots: what the list would hold as an address, it holds as the first 128 bits of its HMAC-SHA-256 (RFC
 * 2104), in hex. With the file but without the secret one can neither read the list nor test addresses against it.
 *
 * A HMAC finds only what is asked for whole, so a list for `match = "user-part"` is another one: there every key is the
 * user part with an "@" behind it. The mark in `meta.keyed` says which of both, and of which key.
 */
import { createHmac, createSecretKey } from "node:crypto";

/** `[recipients] match`. */
export type Match = "address" | "user-part";

/** The form in which one hashed list holds its keys. */
export interface KeyedForm {
  /** What is in `meta.keyed`: how it is matched, and the fingerprint of the key. */
  readonly mark: string;
  /** What the list holds for a key in normal form. */
  hash(key: string): string;
}

const secretDigits = /^[0-9a-f]{64}$/;
const hashDigits = 32;

/** The secret in the text of a key file: 64 hex digits; undefined if it holds none. */
export function parseSecret(text: string): string | undefined {
  const line = text.trim().toLowerCase();
  return secretDigits.test(line) ? line : undefined;
}

/**
 * The form of a list.
 * @param secret 64 hex digits
 */
export function createKeyedForm(secret: string, match: Match): KeyedForm {
  const key = createSecretKey(secret, "hex");
  const digest = (text: string): string => createHmac("sha256", key).update(text).digest("hex").slice(0, hashDigits);
  // No key in normal form begins with a blank: the fingerprint is the hash of no address.
  return {
    mark: `${match} ${digest(" goodmailto key").slice(0, 16)}`,
    hash: match === "address" ? digest : (text) => digest(`${userOf(text)}@`),
  };
}

/** Everybody of one domain (`@domain`) must not become everybody of all. */
function userOf(key: string): string {
  const at = key.lastIndexOf("@");
  return at <= 0 ? key : key.slice(0, at);
}

/** Why a list with this mark cannot be asked by a reader with that form; undefined if it can. */
export function refuseMark(mark: string | undefined, form: KeyedForm | undefined): string | undefined {
  if (mark === undefined || mark === form?.mark) {
    return undefined;
  }
  if (form === undefined) {
    return "it is hashed, and [snapshot] key_file names no HMAC secret";
  }
  const [match] = mark.split(" ", 1);
  return match === form.mark.split(" ", 1)[0]
    ? "it uses a different HMAC secret than [snapshot] key_file"
    : `it was hashed for [recipients] match = "${match}"`;
}
