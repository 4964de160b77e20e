/**
 * qmail's control/badmailfrom: senders whose recipients are all refused (qmail-smtpd(8)). After the address there may
 * be a reason, which is put into the reply: qpsmtpd's format.
 */
import * as field from "../../config/fields.ts";
import { readAddressRules } from "../../files/address-rules.ts";
import type { AddressRule } from "../../files/address-rules.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const refusal = refuse("listed", reply(553, "5.7.1", "sorry, your envelope sender is in my badmailfrom list (#5.7.1)"));
type Refusal = typeof refusal;

/** The reply to a sender that matches. */
function refusalOf({ rest }: AddressRule): Refusal {
  return rest === "" ? refusal : { ...refusal, reply: reply(553, "5.7.1", rest) };
}

export const badmailfrom: CheckDefinition = defineCheck({
  name: "badmailfrom",
  doc: "Looks the sender up in a list at MAIL and refuses every recipient with 553, before plugins run. If a plugin says O at MAIL, the sender is not looked up. The null sender is never listed.",
  original: "qmail's control/badmailfrom (qmail-smtpd(8)); qpsmtpd plugin check_badmailfrom (0.94: badmailfrom).",
  failure: "An empty or missing list refuses nobody.",
  stage: "sender",
  hooks: ["mail", "rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(
      "The list, qmail's control/badmailfrom: one user@host or @host (this host only) per line, optionally followed by a space and the reason for the reply. Case does not matter.",
    ),
    patterns: field.flag(
      false,
      "true: an entry with one of / ^ $ * + ! % ? \\ is a regular expression, matched against user@host, as in qpsmtpd 0.94. Case does not matter.",
    ),
    at: field.choice(
      ["rcpt", "mail"],
      "rcpt",
      "When to refuse the sender. rcpt: at each recipient, as qmail does, so that the log shows the recipients. mail: at MAIL.",
    ),
  },
  reasons: { listed: "bad sender" },
  create({ file, patterns, at }, { lists }) {
    const listed = lists.list(file, (entries, skip) => readAddressRules(entries, skip, patterns));
    const bad = noteOf<Refusal>("transaction");
    return {
      mail(session) {
        const sender = session.transaction?.sender;
        const rule = sender === undefined ? undefined : listed.current().find(sender);
        if (rule === undefined) {
          return pass;
        }
        if (at === "mail") {
          return refusalOf(rule);
        }
        bad.set(session, refusalOf(rule));
        return pass;
      },
      rcpt: (session) => bad.get(session) ?? pass,
    };
  },
});
