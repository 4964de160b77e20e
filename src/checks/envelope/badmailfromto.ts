/**
 * badmailfromto: pairs of a sender and a recipient. The reply is that to an unknown recipient, so that the sender
 * cannot see that it is blocked. After qpsmtpd's.
 */
import * as field from "../../config/fields.ts";
import { firstWord, keysOf } from "../../files/entries.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import { entryKey } from "../../mail/list-entry.ts";

/** Recipients of each sender. */
type Pairs = ReadonlyMap<string, ReadonlySet<string>>;

function readPairs(entries: readonly ListEntry[], skip: Remark): Pairs {
  const pairs = new Map<string, Set<string>>();
  for (const entry of entries) {
    const [from, rest] = firstWord(entry.text);
    const [sender, recipient] = [entryKey(from), entryKey(firstWord(rest)[0])];
    if (sender === undefined || recipient === undefined || recipient.startsWith("@")) {
      skip(entry, "can never match: an entry is a sender (user@host or @host) and a recipient (user@host)");
    } else {
      const recipients = pairs.get(sender) ?? new Set();
      pairs.set(sender, recipients.add(recipient));
    }
  }
  return pairs;
}

/** Every entry for a sender counts: its own, and that of its domain. */
function pairsOf(pairs: Pairs, sender: Mailbox): ReadonlySet<string>[] {
  return keysOf(sender)
    .map((key) => pairs.get(key))
    .filter((recipients) => recipients !== undefined);
}

export const badmailfromto: CheckDefinition = defineCheck({
  name: "badmailfromto",
  doc: "Refuses the pairs of sender and recipient in a list, with the reply to an unknown recipient: 550 5.1.1 and the text of [recipients] reply. The refusal does not count as an unknown recipient. If a plugin says O at MAIL, the sender is not looked up. The null sender is never listed.",
  original: "qpsmtpd plugin check_badmailfromto (0.94: badmailfromto).",
  failure: "An empty or missing list refuses nobody.",
  stage: "sender",
  hooks: ["mail", "rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(
      "The list: one pair per line, a sender (user@host or @host), spaces and a recipient (user@host). Further text is ignored. Case does not matter.",
      "badmailfromto",
    ),
  },
  reasons: { pair: "bad pair" },
  unless: immune,
  create({ file }, { domains, lists, recipients: { unknown } }) {
    const listed = lists.list(file, readPairs);
    const refused = noteOf<readonly ReadonlySet<string>[]>("transaction");
    return {
      mail(session) {
        const pairs = listed.current();
        const sender = session.transaction?.sender;
        const found = sender === undefined || pairs.size === 0 ? [] : pairsOf(pairs, sender);
        if (found.length > 0) {
          refused.set(session, found);
        }
        return pass;
      },
      rcpt(session) {
        const { recipient } = session;
        const pairs = refused.get(session) ?? [];
        if (recipient === undefined || pairs.length === 0) {
          return pass;
        }
        const asked = spellings(recipient, domains);
        return pairs.some((recipients) => asked.some((mailbox) => isIn(recipients, mailbox)))
          ? refuse("pair", unknown(recipient))
          : pass;
      },
    };
  },
});

function isIn(recipients: ReadonlySet<string>, mailbox: Mailbox): boolean {
  return keysOf(mailbox).some((key) => recipients.has(key));
}
