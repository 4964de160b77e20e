/**
 * bounce_rcpt: recipients of bounces, mail of the null sender, against a list with codes. The list of qpsmtpd's
 * check_bounce_rcpt is lost: this one is rcpt_regexp's, goodmailto's choice.
 */
import * as field from "../../config/fields.ts";
import { refuseBy } from "../../hooks/code-words.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { next, pass } from "../../hooks/verdict.ts";
import { findLine, grammar, readRecipientCodes } from "./recipient-codes.ts";

const usual = "This address does not accept bounces";

export const bounce_rcpt: CheckDefinition = defineCheck({
  name: "bounce_rcpt",
  doc: "Applies to mail from the null sender: a recipient gets the verdict of the first line of a list that matches it. Mail from other senders is not affected.",
  original:
    "qpsmtpd plugin check_bounce_rcpt, whose source is lost; the format of the list, that of rcpt_regexp, is goodmailto's own choice.",
  failure: "An empty or missing list decides nothing.",
  stage: "policy",
  hooks: ["rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(
      `The list, in the format of rcpt_regexp: ${grammar} "/.*/ DENY" as the last line refuses bounces to all other recipients.`,
      "bounce_rcpt",
    ),
  },
  reasons: { listed: "bounce" },
  create({ file }, { domains, lists }) {
    const listed = lists.list(file, readRecipientCodes);
    return {
      rcpt({ recipient, transaction }) {
        const isBounce = transaction !== undefined && transaction.sender === undefined;
        const line = isBounce ? findLine(listed.current(), recipient, domains) : undefined;
        if (line === undefined || line.code.kind === "pass") {
          return pass;
        }
        return line.code.kind === "accept"
          ? next
          : refuseBy(line.code, "rcpt", "listed", "7.1", line.text === "" ? usual : line.text);
      },
    };
  },
});
