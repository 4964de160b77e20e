/**
 * qmail's control/badmailfrom: senders whose recipients are all refused (qmail-smtpd(8)). After the address there may be
 * a reason, which the client is told: qpsmtpd's form.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { normalKey } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { entryKey } from "../../mail/list-entry.ts";
import { withoutTag } from "../../mail/return-path.ts";
import type { ListEntry } from "../../files/list-reader.ts";
import { reply } from "../../mail/reply.ts";

const refusal = refuse("listed", reply(553, "5.7.1", "sorry, your envelope sender is in my badmailfrom list (#5.7.1)"));
type Refusal = typeof refusal;

/** Entries with what a sender that matches is told. @param skip told of entries that can match nobody */
function readEntries(lines: readonly ListEntry[], skip: (entry: ListEntry, why: string) => void): Map<string, Refusal> {
  const entries = new Map<string, Refusal>();
  for (const line of lines) {
    const [, address = "", reason = ""] = /^(\S+)\s*(.*)$/.exec(line.text) ?? [];
    const whole = entryKey(line.text);
    const key = entryKey(address) ?? whole;
    if (key === undefined) {
      skip(line, "can match nobody: an entry is user@host or @host");
    } else if (!entries.has(key)) {
      const isPlain = reason === "" || key === whole;
      entries.set(key, isPlain ? refusal : { ...refusal, reply: reply(553, "5.7.1", reason) });
    }
  }
  return entries;
}

/** The sender, who may sign itself, and its domain. */
function keysOf({ user, domain }: Mailbox): string[] {
  const owner = withoutTag(user);
  return [normalKey(user, domain), ...(owner === undefined ? [] : [normalKey(owner, domain)]), `@${domain}`];
}

export const badmailfrom: CheckDefinition = defineCheck({
  name: "badmailfrom",
  doc: "Looks the sender up in a list at MAIL and refuses every recipient with 553, before plugins run. A plugin's O at MAIL leaves the look-up out. The null sender is never listed.",
  stage: "sender",
  hooks: ["mail", "rcpt"],
  settings: {
    file: field.listFile(
      "The list, qmail's control/badmailfrom: user@host or @host a line, and after a blank the reason that the client is told, if any. Letter case does not matter. Empty or missing: nobody is refused.",
    ),
  },
  reasons: { listed: "bad sender" },
  create(settings, { lists }) {
    const listed = lists.list(settings.file, readEntries);
    const bad = noteOf<Refusal>("transaction");
    return {
      mail(session) {
        const sender = session.transaction?.sender;
        if (sender !== undefined) {
          const entries = listed.current();
          const found = keysOf(sender).find((key) => entries.has(key));
          if (found !== undefined) {
            bad.set(session, entries.get(found) ?? refusal);
          }
        }
        return pass;
      },
      rcpt: (session) => bad.get(session) ?? pass,
    };
  },
});
