/** What stands behind the colon of a line of the password file: a scrypt hash, or `{PLAIN}` and the password itself. */
import { same } from "./crypt.ts";
import { parseHash, verifyHash } from "./scrypt.ts";
import type { ScryptHash } from "./scrypt.ts";

/** A user's password as the file holds it. */
export type UserSecret = ScryptHash | { readonly plain: string };

const mark = "{PLAIN}";
/** As the SMTP side: no client can send more. */
const maxOctets = 1024;

/** Whether the password can be in a line as it is: a control character would end the line or be lost. */
export function isPlainPassword(password: string): boolean {
  return password !== "" && Buffer.byteLength(password) <= maxOctets && !/[\x00-\x1f\x7f]/.test(password);
}

/** The text for a line that holds the password itself. */
export function plainSecret(password: string): string {
  return `${mark}${password}`;
}

/** Reads what a line holds; text that says what is wrong if it is nothing. The text never contains the password. */
export function parseSecret(text: string): UserSecret | string {
  if (!text.startsWith(mark)) {
    return parseHash(text);
  }
  const plain = text.slice(mark.length);
  return isPlainPassword(plain)
    ? { plain }
    : `has no usable password behind ${mark}; allowed: 1 to ${maxOctets} octets without control characters`;
}

/**
 * Whether the password is the user's. One that is held as it is takes as long as the dearest hash of the file, and so
 * does a user that does not exist: the time does not distinguish them.
 * @param dummy costs as much as the dearest hash; undefined where the file has none
 */
export async function fits(
  password: string,
  secret: UserSecret | undefined,
  dummy: ScryptHash | undefined,
): Promise<boolean> {
  if (secret !== undefined && !("plain" in secret)) {
    return await verifyHash(password, secret);
  }
  if (dummy !== undefined) {
    await verifyHash(password, dummy);
  }
  return secret !== undefined && same(password, secret.plain);
}
