/**
 * denybounce: bounces to users that never send mail are refused. The list says who does send, and so accepts bounces;
 * it is qpsmtpd's acceptbounce.
 */
import * as field from "../../config/fields.ts";
import { findRecipient, readAddresses } from "../../files/entries.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { isRewrittenSender, withoutTag } from "../../mail/return-path.ts";

export const denybounce: CheckDefinition = defineCheck({
  name: "denybounce",
  doc: "Refuses mail from the null sender to recipients that are not in a list. They never send mail, so they cannot get genuine bounces. Postmaster and similar recipients are exempt, and so are addresses of rewritten senders (SRS), which receive only bounces.",
  original: "qpsmtpd plugin denybounce, with its file.",
  failure: "An empty or missing list refuses nobody.",
  stage: "policy",
  hooks: ["rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(
      "Recipients that accept bounces: one user, user@host or @host per line. Case does not matter.",
      "acceptbounce",
    ),
  },
  reasons: { bounce: "unwanted bounce" },
  unless: ["special recipient"],
  create({ file }, { domains, lists }) {
    const listed = lists.list(file, (entries, skip) => readAddresses(entries, skip, true));
    return {
      rcpt({ recipient, transaction }) {
        if (recipient === undefined || transaction === undefined || transaction.sender !== undefined) {
          return pass;
        }
        const accepting = listed.current();
        const { user } = recipient;
        if (accepting.size === 0 || isRewrittenSender(user)) {
          return pass;
        }
        const names = [user, withoutTag(user) ?? user].map(foldAscii);
        const isListed =
          names.some((name) => accepting.has(name)) || findRecipient(accepting, recipient, domains) !== undefined;
        const text = `sorry, ${foldAscii(user)} never sends mail and therefore does not accept bounces`;
        return isListed ? pass : refuse("bounce", reply(550, "5.7.1", text));
      },
    };
  },
});
