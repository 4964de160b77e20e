/** Refuses a message that has the field X-Bad: at the empty line, or at the final dot. */
import { defineCheck, field, pass, refuse, reply } from "goodmailto/check";
import type { HeaderView } from "goodmailto/check";

export const judge = defineCheck({
  name: "judge",
  doc: "For a test.",
  stage: "policy",
  hooks: ["header", "message"],
  settings: { at: field.choice(["header", "message"], "header", "Where it refuses.") },
  reasons: { bad: "bad field" },
  create: ({ at }, { log }) => {
    const verdict = ({ fields }: HeaderView) =>
      fields.nth("X-Bad", 1) === undefined ? pass : refuse("bad", reply(554, "5.7.1", "Bad field"));
    return {
      header: ({ id }, message) => {
        log.info("judge", "sees", { bytes: message.bytes, session: id });
        return at === "header" ? verdict(message) : pass;
      },
      message: (_session, message) => (at === "message" ? verdict(message) : pass),
    };
  },
});
