/** rcpt_regexp: recipients that match a line of a list get the verdict of that line; qpsmtpd's, by Hanno Hecker. */
import * as field from "../../config/fields.ts";
import { refuseBy } from "../../hooks/code-words.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { next, pass } from "../../hooks/verdict.ts";
import { findLine, grammar, readRecipientCodes } from "./recipient-codes.ts";

const usual = "Address not accepted here";

export const rcpt_regexp: CheckDefinition = defineCheck({
  name: "rcpt_regexp",
  doc: "A recipient that matches a line of a list gets the verdict of that line: refuse, accept without asking the directory, or no verdict. It never allows relaying.",
  original: "qpsmtpd 0.94 plugin rcpt_regexp by Hanno Hecker.",
  failure: "An empty or missing list decides nothing.",
  stage: "policy",
  hooks: ["rcpt"],
  byAddress: true,
  settings: {
    file: field.listFile(`The list: ${grammar}`, "rcpt_regexp"),
  },
  reasons: { listed: "recipient pattern" },
  create({ file }, { domains, lists }) {
    const listed = lists.list(file, readRecipientCodes);
    return {
      rcpt({ recipient }) {
        const line = findLine(listed.current(), recipient, domains);
        if (line === undefined || line.code.kind === "pass") {
          return pass;
        }
        if (line.code.kind === "accept") {
          return next;
        }
        const isOurs = domains.canonical(recipient?.domain ?? "") !== undefined;
        const subject = isOurs && line.code.permanent ? "1.1" : "7.1";
        return refuseBy(line.code, "rcpt", "listed", subject, line.text === "" ? usual : line.text);
      },
    };
  },
});
