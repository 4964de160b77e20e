/** Whom a check leaves alone: `unless`, a setting of every check. */
import type { Exemption } from "../config/check-words.ts";
import { foldAscii } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { HookName } from "./hook-names.ts";
import type { Session } from "./session.ts";

/** Recipients that must accept mail from all clients. RFC 5321 4.5.1, RFC 2142; qpsmtpd's dnsbl has the same four. */
const specialRecipients = new Set(["postmaster", "abuse", "mailer-daemon", "root"]);

/** The whole family's exemption: relay clients, logged-in users, whitelisted clients and senders. */
export const immune: readonly Exemption[] = ["relay client", "authenticated", "whitelisted"];

/** Whether one of these is true of the session now. */
export function isExempt(session: Session, unless: readonly Exemption[], hook: HookName): boolean {
  for (const exemption of unless) {
    if (holds(session, exemption, hook)) {
      return true;
    }
  }
  return false;
}

function holds(session: Session, exemption: Exemption, hook: HookName): boolean {
  switch (exemption) {
    case "relay client":
      return session.has("RELAYCLIENT");
    case "authenticated":
      return session.has("SMTPAUTHUSER");
    case "bypass":
      return session.has("NOGOODMAILTO");
    case "whitelisted":
      return session.whitelisted;
    case "special recipient":
      return isForSpecial(session, hook);
  }
}

/**
 * At RCPT the recipient in question. Of a message all of them: one among others must not open the door for the rest.
 */
function isForSpecial({ recipient, transaction }: Session, hook: HookName): boolean {
  if (hook === "data" || hook === "header" || hook === "message") {
    const accepted = transaction?.accepted ?? [];
    return accepted.length > 0 && accepted.every(({ mailbox }) => isSpecial(mailbox));
  }
  return recipient !== undefined && isSpecial(recipient);
}

function isSpecial({ user }: Mailbox): boolean {
  return specialRecipients.has(foldAscii(user));
}
