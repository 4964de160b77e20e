/** How a directory may write an address: under the relay domain or one of its alias domains, each in A-labels or U-labels. */
import { domainToUnicode } from "node:url";

import { parseMailbox } from "../../src/mail/address.ts";

/** More make a search long, and a site has few alias domains. */
const maxForms = 16;

/**
 * The forms of an address, its own first.
 * @param namesOf the names under which a relay domain is known
 */
export function addressForms(address: string, namesOf: (domain: string) => readonly string[]): readonly string[] {
  const mailbox = parseMailbox(address);
  if (mailbox === undefined || mailbox.domain === "") {
    return [address];
  }
  const names = [mailbox.domain, ...namesOf(mailbox.domain)].flatMap((name) => [name, domainToUnicode(name)]);
  const user = address.slice(0, address.lastIndexOf("@"));
  const forms = names.filter((name) => name !== "").map((name) => `${user}@${name}`);
  return [...new Set([address, ...forms])].slice(0, maxForms);
}
