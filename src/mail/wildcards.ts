/**
 * Keys that stand for more than one address, as John Simpson's validrcptto.cdb has them: `user-default@domain` for
 * every address there that begins with "user-", and `@domain` for everybody there.
 */
import { foldUser } from "./address.ts";
import type { Key } from "./address.ts";

/** qmail's conf-break, as it comes. */
const usualMark = "-";
const word = "default";

/** The key for everybody of a domain in normal form. No address has it: an empty user part keeps its quotes. */
export function catchAllKey(domain: string): Key {
  // The brand: the domain is in normal form.
  return `@${domain}` as Key;
}

/** Whether a key is one for everybody of a domain. */
export function isCatchAll(key: string): boolean {
  return key.startsWith("@");
}

/** Whether a user part in lower case is the key of extensions: "list-default", but neither "default" nor "-default". */
export function isExtension(user: string, mark: string = usualMark): boolean {
  return user.endsWith(`${mark}${word}`) && user.length > mark.length + word.length;
}

/**
 * The user parts of the keys whose extension a user part is, the longest first: "a-b-c" has "a-b-default", then
 * "a-default".
 * @param mark what separates extensions; "" is nothing
 */
export function extensionUsers(user: string, mark: string = usualMark): string[] {
  const folded = foldUser(user);
  const users: string[] = [];
  for (let at = last(folded, mark, folded.length); at > 0; at = last(folded, mark, at)) {
    users.push(`${folded.slice(0, at)}${mark}${word}`);
  }
  return users;
}

/** Where the last mark before an end is; 0: nowhere that leaves a name in front. */
function last(user: string, mark: string, end: number): number {
  return mark === "" || end === 0 ? 0 : Math.max(0, user.lastIndexOf(mark, end - 1));
}
