/** What RELAYCLIENT appends to the recipients of a client that may relay. */
import type { Session } from "../../hooks/session.ts";
import { normalDomain, parseMailbox } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";

/** qmail appends the value of RELAYCLIENT to each recipient, "@host" for example; it is mostly empty. */
export function withRelaySuffix(session: Session, mailbox: Mailbox): Mailbox {
  const suffix = session.lateVariables.others.get("RELAYCLIENT") ?? "";
  if (suffix === "") {
    return mailbox;
  }
  const raw = mailbox.raw + suffix;
  const at = raw.lastIndexOf("@");
  const domain = normalDomain(raw.slice(at + 1));
  return at < 0 || domain === undefined ? (parseMailbox(raw) ?? mailbox) : { raw, user: raw.slice(0, at), domain };
}
