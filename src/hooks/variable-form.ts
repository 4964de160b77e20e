/** Addresses in session variables. */
import type { Mailbox } from "../mail/address.ts";

/** An address as SMTPMAILFROM and SMTPRCPTTO hold it: without quotes, in the letter case in which it came; "" for the null sender. */
export function variableForm(mailbox: Mailbox | undefined): string {
  if (mailbox === undefined) {
    return "";
  }
  const { raw, user } = mailbox;
  if (!raw.startsWith('"')) {
    return raw;
  }
  const at = raw.lastIndexOf("@");
  return user + (at < 0 ? "" : raw.slice(at));
}
