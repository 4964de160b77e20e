/** Makes mailboxes whose text is not what their parts say. */
import { defineCheck, field, pass } from "goodmailto/check";

export const forger = defineCheck({
  name: "forger",
  doc: "For a test.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: { add: field.text("", "A recipient."), sender: field.text("", "The new sender.") },
  reasons: {},
  create: ({ add, sender }) => ({
    message: (_session, message) => {
      const forge = (raw: string) => ({ raw, user: "anna", domain: "kontor.example" });
      if (add !== "") {
        message.addRecipient(forge(add));
      }
      if (sender !== "") {
        message.changeSender(forge(sender));
      }
      return pass;
    },
  }),
});
