/** An entry of an address list, `user@host` or `@host` for everybody there, as addresses are compared with it. */
import { normalDomain, normalKey, parseMailbox } from "./address.ts";

/** The entry in normal form; undefined if it can match no address. */
export function entryKey(text: string): string | undefined {
  if (text.startsWith("@")) {
    const domain = normalDomain(text.slice(1));
    return domain === undefined ? undefined : `@${domain}`;
  }
  const mailbox = parseMailbox(text);
  return mailbox === undefined || mailbox.domain === "" ? undefined : normalKey(mailbox.user, mailbox.domain);
}

/** The same, if a bare domain is an entry for everybody there, too. */
export function entryOrDomainKey(text: string): string | undefined {
  const domain = text.includes("@") ? undefined : normalDomain(text);
  return domain === undefined ? entryKey(text) : `@${domain}`;
}
