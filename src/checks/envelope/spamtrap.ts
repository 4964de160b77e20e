/**
 * spamtrap: a message that has a trap among its recipients goes to a collector, and to nobody else. After qpsmtpd's
 * spamtrap, which takes a trap at any domain; here only relay domains have traps.
 */
import * as field from "../../config/fields.ts";
import { findRecipient } from "../../files/entries.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { trapped } from "../../hooks/trapped.ts";
import { next, pass } from "../../hooks/verdict.ts";
import { normalKey, parseMailbox } from "../../mail/address.ts";
import { entryOrDomainKey } from "../../mail/list-entry.ts";
import { printable } from "../../mail/reply.ts";

function readTraps(entries: readonly ListEntry[], skip: Remark): ReadonlyMap<string, true> {
  const traps = new Map<string, true>();
  for (const entry of entries) {
    const key = entryOrDomainKey(entry.text);
    if (key === undefined) {
      skip(entry, "can never match: an entry is user@host or a domain");
    } else {
      traps.set(key, true);
    }
  }
  return traps;
}

const target = {
  allowed: "an address, or nothing",
  fits: (text: string) => text === "" || (parseMailbox(text)?.domain ?? "") !== "",
};

export const spamtrap: CheckDefinition = defineCheck({
  name: "spamtrap",
  doc: "Collects messages to spam traps. A recipient in the list gets 250, regardless of later checks, if the next hop accepts the target. At DATA the message is sent to the target only: its other recipients do not get it, although they were answered 250, because a sender that writes to a trap is a spammer. Later checks of policy and content are skipped, and the message gets an X-Spamtrap field that names the trap. Only traps in relay domains count.",
  original:
    "qpsmtpd plugin spamtrap; that only traps in relay domains count, `others` and X-Spamtrap are goodmailto's own choices.",
  failure: "An empty or missing list has no traps.",
  stage: "policy",
  hooks: ["rcpt", "data"],
  settings: {
    file: field.listFile(
      "The traps, one per line: user@host, or a domain in which every address is a trap. Case does not matter.",
      "spamtraps",
    ),
    target: field.textBy(
      target,
      "",
      "Address in a relay domain to which the messages are sent. Empty: the check does nothing.",
    ),
    others: field.choice(
      ["drop", "deliver"],
      "drop",
      "The other recipients of the message. drop: they do not get it (as in qpsmtpd). deliver: they get it, as if the target were one more recipient, and all checks apply.",
    ),
  },
  reasons: {},
  unless: immune,
  create({ file, target: address, others }, { domains, lists, log }) {
    const traps = lists.list(file, readTraps);
    const collector = address === "" ? undefined : parseMailbox(address);
    const isOurs = collector !== undefined && domains.canonical(collector.domain) !== undefined;
    if (collector !== undefined && !isOurs) {
      log.error("spamtrap", "target is outside the relay domains, the check does nothing", { target: address });
    }
    return {
      rcpt(session) {
        const { recipient } = session;
        if (recipient === undefined || !isOurs || domains.canonical(recipient.domain) === undefined) {
          return pass;
        }
        const list = traps.current();
        if (findRecipient(list, recipient, domains) === undefined) {
          return pass;
        }
        session.apply({ kind: "address", mailbox: collector });
        if (session.recipient !== recipient) {
          // In mode observe it is still the trap.
          trapped.set(session, printable(normalKey(recipient.user, recipient.domain)));
        }
        return next;
      },
      data(session) {
        const trap = trapped.get(session);
        if (trap === undefined || collector === undefined || others === "deliver") {
          return pass;
        }
        const recipients = session.transaction?.accepted.map(({ mailbox }) => mailbox.raw).join(" ");
        log.info("spamtrap", "message goes to the target only", { session: session.id, trap, recipients });
        session.apply({ kind: "redirect", mailboxes: [collector], header: `X-Spamtrap: ${trap}` });
        session.apply({ kind: "whitelist", owner: "transaction", policyOff: true });
        return next;
      },
    };
  },
});
