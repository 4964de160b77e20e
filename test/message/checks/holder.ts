/** Appends to the body, changes recipients and sender; or only holds. */
import { setTimeout as sleep } from "node:timers/promises";

import { defineCheck, field, parseMailbox, pass, refuse, reply } from "goodmailto/check";
import type { Mailbox } from "goodmailto/check";

export const holder = defineCheck({
  name: "holder",
  doc: "For a test.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: {
    append: field.text("", "Added to the body."),
    add: field.list([], "Recipients to add."),
    remove: field.list([], "Recipients to take away."),
    body: field.text("", "The new body."),
    wait: field.duration("0ms", "Before it answers."),
    hang: field.flag(false, "Changes all that and never answers."),
    sender: field.text("", 'The new sender; "<>" is the null sender.'),
    refuse: field.flag(false, "Refuses."),
    breaks: field.flag(false, "Throws when it has changed everything."),
  },
  reasons: { no: "no" },
  create: ({ append, add, remove, body, wait, hang, sender, refuse: refuses, breaks }, { log }) => ({
    message: async (_session, message) => {
      log.info("holder", "holds", { bytes: message.bytes });
      await sleep(wait, undefined, { signal: message.signal }).catch(() => log.info("holder", "aborted"));
      if (body !== "") {
        await message.replaceBody([Buffer.from(body)]);
      }
      if (append !== "") {
        message.appendBody(Buffer.from(append));
      }
      add.forEach((address) => message.addRecipient(parseMailbox(address) as Mailbox));
      remove.forEach((address) => message.removeRecipient(parseMailbox(address) as Mailbox));
      if (sender !== "") {
        message.changeSender(sender === "<>" ? undefined : parseMailbox(sender));
      }
      if (hang) {
        return new Promise<never>(() => undefined);
      }
      if (breaks) {
        throw new Error("broken holder");
      }
      return refuses ? refuse("no", reply(554, "5.7.1", "Not this one")) : pass;
    },
  }),
});
