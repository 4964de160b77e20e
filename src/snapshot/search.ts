/** One user part, searched in a snapshot: at a domain, or in whatever domain. */
import { foldUser, normalKey } from "../mail/address.ts";
import { isPlainUser } from "../mail/plain-user.ts";
import type { RecipientRow } from "./format.ts";
import { preferPresent } from "./image.ts";
import type { Image } from "./image.ts";

/** The row of an address, or of its bare user part. @param domain "": of the user part alone */
export function searchDomain(image: Image, user: string, domain: string): RecipientRow | undefined {
  if (domain === "") {
    return isBare(user) ? image.findUser(foldUser(user), domain) : undefined;
  }
  const key = normalKey(user, domain);
  if (!isBare(user)) {
    return image.findAddress(key);
  }
  const bare = foldUser(user);
  // One look is enough for those of whom there is no row, and for addresses to which everybody may write: nearly all.
  const first = image.findEither(key, bare);
  if (first === undefined || (first.key === key && first.gone === 0 && first.rule === "")) {
    return first;
  }
  const address = image.findAddress(key);
  return address?.gone === 0 ? address : preferPresent(address, image.findUser(bare, domain));
}

/** The row of a user part in whatever domain. */
export function searchAnywhere(image: Image, user: string): RecipientRow | undefined {
  return image.findAnywhere(normalKey(user, ""));
}

/** The user part of `"bob@elsewhere"@here` looks like a key of another domain, and is none. */
function isBare(user: string): boolean {
  return isPlainUser(user) || !user.includes("@");
}
