/**
 * badrcptto_patterns: recipients that match a regular expression are refused, with the text behind it; qpsmtpd's. The
 * relay refuses user parts that name a route anyway, but after this check, so that the list's text is the client's.
 */
import * as field from "../../config/fields.ts";
import { patternSubject, readPatterns } from "../../files/address-rules.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { spellings } from "../../mail/domains.ts";
import { reply } from "../../mail/reply.ts";

const usual = "Address not accepted here";

export const badrcptto_patterns: CheckDefinition = defineCheck({
  name: "badrcptto_patterns",
  doc: "Refuses recipients that match a regular expression in a list, with 550 5.7.1 and the text of that line.",
  original: "qpsmtpd 0.40 plugin check_badrcptto_patterns.",
  failure: "An empty or missing list refuses nobody.",
  stage: "policy",
  hooks: ["rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(
      "The list: one Perl regular expression without spaces per line, followed by a space and the text of the reply. It is matched against user@host in lower case, without quotes, and matches anywhere in it unless anchored with ^ and $. The first match wins.",
      "badrcptto_patterns",
    ),
  },
  reasons: { listed: "bad recipient pattern" },
  unless: ["relay client", "authenticated"],
  create({ file }, { domains, lists }) {
    const listed = lists.list(file, (entries, skip) => readPatterns(entries, skip, false));
    return {
      rcpt({ recipient }) {
        const lines = listed.current();
        if (recipient === undefined || recipient.domain === "" || lines.size === 0) {
          return pass;
        }
        for (const mailbox of spellings(recipient, domains)) {
          const line = lines.first(patternSubject(mailbox));
          if (line !== undefined) {
            return refuse("listed", reply(550, "5.7.1", line.rest === "" ? usual : line.rest));
          }
        }
        return pass;
      },
    };
  },
});
