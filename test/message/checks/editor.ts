/** Replaces Subject. */
import { setTimeout as sleep } from "node:timers/promises";

import { defineCheck, field, pass } from "goodmailto/check";

export const editor = defineCheck({
  name: "editor",
  doc: "For a test.",
  stage: "policy",
  hooks: ["header"],
  needs: "edit",
  settings: {
    subject: field.text("", "Empty: nothing is changed."),
    wait: field.duration("0ms", "Before it answers."),
    hang: field.flag(false, "Changes the subject and never answers."),
  },
  reasons: {},
  create: ({ subject, wait, hang }) => ({
    header: async (_session, message) => {
      await sleep(wait);
      if (subject !== "") {
        message.changeHeader("Subject", 1, subject);
        message.deleteHeader("X-Old", 0);
        message.insertHeader(0, `X-Was: ${message.fields.text("subject") ?? "none"}`);
      }
      return hang ? new Promise<never>(() => undefined) : pass;
    },
  }),
});
