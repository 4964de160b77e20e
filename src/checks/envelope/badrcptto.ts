/** badrcptto: recipients that are refused, as qpsmtpd's badrcptto and the page's badmailto refuse them. */
import * as field from "../../config/fields.ts";
import { readAddressRules } from "../../files/address-rules.ts";
import type { AddressRule } from "../../files/address-rules.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import { reply } from "../../mail/reply.ts";

/** A pattern must not be shown to a client: the reply contains the address instead. */
function textFor({ key, rest, isPattern }: AddressRule, { user, domain }: Mailbox): string {
  const shown = isPattern ? foldAscii(`${user}@${domain}`) : key;
  return rest === "" ? `mail to ${shown} not accepted here` : rest;
}

export const badrcptto: CheckDefinition = defineCheck({
  name: "badrcptto",
  doc: "Refuses the recipients in a list with 550 5.1.1. The other recipients of the message are not affected.",
  original: "qpsmtpd plugin check_badrcptto (0.94: badrcptto).",
  failure: "An empty or missing list refuses nobody.",
  stage: "policy",
  hooks: ["rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(
      "The list: one user@host or @host (this host only) per line, optionally followed by a space and the text of the reply. Case does not matter.",
      "badrcptto",
    ),
    patterns: field.flag(
      false,
      "true: an entry with one of / ^ $ * + ! % ? \\ is a regular expression, matched against user@host, as in qpsmtpd 0.94. Case does not matter.",
    ),
  },
  reasons: { listed: "bad recipient" },
  unless: immune,
  create({ file, patterns }, { domains, lists }) {
    const listed = lists.list(file, (entries, skip) => readAddressRules(entries, skip, patterns));
    return {
      rcpt({ recipient }) {
        const rules = listed.current();
        if (recipient === undefined || recipient.domain === "" || rules.size === 0) {
          return pass;
        }
        for (const mailbox of spellings(recipient, domains)) {
          const rule = rules.find(mailbox);
          if (rule !== undefined) {
            return refuse("listed", reply(550, "5.1.1", textFor(rule, mailbox)));
          }
        }
        return pass;
      },
    };
  },
});
