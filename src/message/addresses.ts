/** The addresses of a header field such as From. RFC 5322 3.4, by nodemailer's parser. */
import addressparser from "nodemailer/lib/addressparser";

import { parseMailbox } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";

/**
 * Groups are taken apart; undefined if a part of the field is not a complete address.
 * @param value one character per octet, or text
 */
export function addressesOf(value: string): readonly Mailbox[] | undefined {
  const mailboxes: Mailbox[] = [];
  for (const { address } of addressparser(value, { flatten: true })) {
    const mailbox = parseMailbox(address);
    if (mailbox === undefined || mailbox.domain === "") {
      return undefined;
    }
    mailboxes.push(mailbox);
  }
  return mailboxes;
}
