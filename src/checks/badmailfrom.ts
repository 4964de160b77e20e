/** qmail's control/badmailfrom: senders whose recipients are all refused. reference: qmail-smtpd(8). */
import { z } from "zod";

import * as field from "../config/fields.ts";
import { defineCheck, pass } from "../hooks/check.ts";
import type { CheckDefinition, Verdict } from "../hooks/check.ts";
import type { Transaction } from "../hooks/session.ts";
import { foldAscii, normalKey } from "../mail/address.ts";
import { ControlFile } from "../files/control-file.ts";
import { parseReply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";

const refusal: Verdict = {
  kind: "refuse",
  reason: "bad sender",
  reply: parseReply("553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)") as Reply,
};

export const badmailfrom: CheckDefinition = defineCheck({
  name: "badmailfrom",
  doc: "Looks the sender up in a list at MAIL and refuses every recipient with 553, before plugins run. A plugin's O at MAIL leaves the look-up out. The null sender is never listed.",
  stage: "sender",
  hooks: ["mail", "rcpt"],
  settings: z.object({
    file: field.text(
      "",
      'The list, "control/badmailfrom": user@host or @host a line, letter case does not matter. Empty or missing: nobody is refused.',
    ),
  }),
  create(settings, { log, now }) {
    const listed = new ControlFile(
      settings.file,
      (lines) => new Set(lines.map(foldAscii)),
      now,
      (path, fault) => log.warning("badmailfrom", "list cannot be read, the one of before stays", { path, fault }),
    );
    const bad = new WeakSet<Transaction>();
    return {
      mail({ transaction }) {
        const sender = transaction?.sender;
        if (transaction !== undefined && sender !== undefined) {
          const entries = listed.current();
          if (entries.has(normalKey(sender.user, sender.domain)) || entries.has(`@${sender.domain}`)) {
            bad.add(transaction);
          }
        }
        return pass;
      },
      rcpt: ({ transaction }) => (transaction !== undefined && bad.has(transaction) ? refusal : pass),
    };
  },
});
