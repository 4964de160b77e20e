/**
 * Whom a check leaves alone: `unless`, a setting of every check. What is true of a session is one number, of one bit
 * for each exemption, so that many checks are compared with it at little cost.
 */
import type { Exemption } from "../config/check-words.ts";
import { foldAscii } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { HookName } from "./hook-names.ts";
import type { Session } from "./session.ts";

/** Recipients that must accept mail from all clients. RFC 5321 4.5.1, RFC 2142; qpsmtpd's dnsbl has the same four. */
const specialRecipients = new Set(["postmaster", "abuse", "mailer-daemon", "root"]);
const longestSpecial = Math.max(...[...specialRecipients].map(({ length }) => length));

/** The whole family's exemption: relay clients, logged-in users, whitelisted clients and senders. */
export const immune: readonly Exemption[] = ["relay client", "authenticated", "whitelisted"];

const bits: Readonly<Record<Exemption, number>> = {
  "relay client": 1,
  authenticated: 2,
  bypass: 4,
  whitelisted: 8,
  "special recipient": 16,
};

/** Exemptions as one number. */
export function maskOf(unless: readonly Exemption[]): number {
  return unless.reduce((mask, exemption) => mask | bits[exemption], 0);
}

/** Which of some exemptions are true of the session now. @param mask those that somebody asks about */
export function standingOf(session: Session, mask: number, hook: HookName): number {
  if (mask === 0) {
    return 0;
  }
  return (
    ((mask & bits["relay client"]) !== 0 && session.has("RELAYCLIENT") ? bits["relay client"] : 0) |
    ((mask & bits.authenticated) !== 0 && session.has("SMTPAUTHUSER") ? bits.authenticated : 0) |
    ((mask & bits.bypass) !== 0 && session.has("NOGOODMAILTO") ? bits.bypass : 0) |
    ((mask & bits.whitelisted) !== 0 && session.whitelisted ? bits.whitelisted : 0) |
    ((mask & bits["special recipient"]) !== 0 && isForSpecial(session, hook) ? bits["special recipient"] : 0)
  );
}

/** Whether one of these is true of the session now. */
export function isExempt(session: Session, unless: readonly Exemption[], hook: HookName): boolean {
  return standingOf(session, maskOf(unless), hook) !== 0;
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
  return user.length <= longestSpecial && specialRecipients.has(foldAscii(user));
}
