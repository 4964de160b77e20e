/** The check that the product exists for: does the directory list this recipient? */
import { z } from "zod";

import { defineCheck, pass } from "../hooks/check.ts";
import type { CheckDefinition, Verdict } from "../hooks/check.ts";
import { reply } from "../mail/reply.ts";

export const goodmailto: CheckDefinition = defineCheck({
  name: "goodmailto",
  doc: "Refuses a recipient that the directory does not list. Passes all while there is no snapshot, and all of a client with NOGOODMAILTO.",
  section: "recipients",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: z.object({ reply: z.string() }),
  create: (settings, { recipients }) => {
    const refusal: Verdict = {
      kind: "refuse",
      reason: "unknown recipient",
      reply: reply(550, "5.1.1", settings.reply),
    };
    const found: Verdict = { kind: "pass", note: "found" };
    const noSnapshot: Verdict = { kind: "pass", note: "accepted (no snapshot)" };
    const bypassed: Verdict = { kind: "pass", note: "bypassed (NOGOODMAILTO)" };
    return {
      rcpt(session) {
        const { recipient } = session;
        if (recipient === undefined) {
          return pass;
        }
        if (session.has("NOGOODMAILTO")) {
          return bypassed;
        }
        const answer = recipients.find(recipient);
        switch (answer.kind) {
          case "known":
            return found;
          case "unknown":
            return refusal;
          case "unavailable":
            return noSnapshot;
        }
      },
    };
  },
});
