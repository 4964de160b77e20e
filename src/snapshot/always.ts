/** The names that exist whatever the directory says: `always` of `[recipients]` or of a `[[domain]]`. */
import type { RecipientSettings } from "../config/recipients.ts";
import { normalKey, parseMailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";

/** Compiles the list; answers the name that a recipient is. */
export function compileAlways(
  { always, match }: Pick<RecipientSettings, "always" | "match">,
  domains: Domains,
): (user: string, domain: string) => string | undefined {
  const names = new Set<string>();
  for (const text of always) {
    const mailbox = parseMailbox(text);
    if (mailbox === undefined) {
      throw new RangeError(`"${text}" is neither a user part nor an address`);
    }
    const domain = match === "user-part" ? "" : (domains.canonical(mailbox.domain) ?? mailbox.domain);
    names.add(normalKey(mailbox.user, domain));
  }
  // Most recipients are as long as none of them: of those no hash is made, which each look into the Set would need.
  const lengths: boolean[] = [];
  names.forEach((name) => (lengths[name.length] = true));
  const has = (name: string): boolean => lengths[name.length] === true && names.has(name);
  return (user, domain) => {
    const address = normalKey(user, domain);
    if (has(address)) {
      return address;
    }
    const bare = normalKey(user, "");
    return has(bare) && !user.includes("@") ? bare : undefined;
  };
}
