/** Recipients as names in DNS: what the check dns_user asks for, and `goodmailto export` writes. */
import { createHash } from "node:crypto";

import { foldUser, normalKey } from "../mail/address.ts";
import { octetsOf } from "../mail/octets.ts";

/** plain: user.domain, readable. hash: one label of 32 characters that shows no address. */
export type UserNameForm = "plain" | "hash";

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** An octet that a label takes as it is stays; others, and dots that would make an empty label, become =xx. */
function plainUser(user: string): string {
  const octets = octetsOf(foldUser(user)).split("");
  return octets
    .map((one, i) => {
      const isEdge = one === "." && (i === 0 || i === octets.length - 1 || octets[i - 1] === ".");
      return /[a-z0-9_.-]/.test(one) && !isEdge ? one : `=${one.charCodeAt(0).toString(16).padStart(2, "0")}`;
    })
    .join("");
}

/** The first 160 bits of SHA-256 in base32 (RFC 4648 6, lower case). */
function hashed(key: string): string {
  const bits = BigInt(`0x${createHash("sha256").update(key, "utf8").digest("hex").slice(0, 40)}`);
  return Array.from({ length: 32 }, (_, i) => alphabet[Number((bits >> BigInt(155 - 5 * i)) & 31n)]).join("");
}

/** The name of a recipient, relative to the zone. @param domain in its normal form */
export function userName(form: UserNameForm, user: string, domain: string): string {
  return form === "hash" ? hashed(normalKey(user, domain)) : `${plainUser(user)}.${domain}`;
}
