/**
 * qmail's control/badmailfrom: senders whose recipients are all refused (qmail-smtpd(8)). After the address there may be
 * a reason, which the client is told: qpsmtpd's form.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { findMailbox, readAddresses } from "../../files/entries.ts";
import type { AddressLine } from "../../files/entries.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { reply } from "../../mail/reply.ts";

const refusal = refuse("listed", reply(553, "5.7.1", "sorry, your envelope sender is in my badmailfrom list (#5.7.1)"));
type Refusal = typeof refusal;

/** What a sender that matches is told. */
function refusals(entries: readonly ListEntry[], skip: Remark): Map<string, Refusal> {
  const told = ({ rest }: AddressLine): Refusal =>
    rest === "" ? refusal : { ...refusal, reply: reply(553, "5.7.1", rest) };
  return new Map(
    readAddresses(entries, skip)
      .entries()
      .map(([key, line]) => [key, told(line)]),
  );
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
    const listed = lists.list(settings.file, refusals);
    const bad = noteOf<Refusal>("transaction");
    return {
      mail(session) {
        const sender = session.transaction?.sender;
        const found = sender === undefined ? undefined : findMailbox(listed.current(), sender);
        if (found !== undefined) {
          bad.set(session, found);
        }
        return pass;
      },
      rcpt: (session) => bad.get(session) ?? pass,
    };
  },
});
