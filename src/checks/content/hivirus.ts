/** hivirus: the "Hi" worm of 2004 gave its attachment two names. RFC 2183, RFC 2231. */
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";
import type { MimePart } from "../../message/mime.ts";

const refused = refuse("names", reply(554, "5.7.1", "Probably the 'Hi' virus"));

export const hivirus: CheckDefinition = defineCheck({
  name: "hivirus",
  doc: "Refuses messages that have a part with two different names, one in Content-Type and one in Content-Disposition. A worm of 2004 did that; virus scanners know it.",
  original:
    "qpsmtpd plugin hivirus, which compared the last two names in the first 41 lines of the body. Comparing the decoded names of each part, and the exemptions, are goodmailto's own choices.",
  failure: "None: it uses only the message. Of more than 1000 parts or 100 levels the first are checked.",
  stage: "policy",
  hooks: ["message"],
  needs: "tap",
  settings: {},
  reasons: { names: "part with two names" },
  unless: immune,
  create: () => ({
    tap(_session, message) {
      const tree = message.parts();
      return {
        take: () => undefined,
        end: async () => ((await tree).parts.some(hasTwoNames) ? refused : pass),
      };
    },
  }),
});

function hasTwoNames({ name, filename }: MimePart): boolean {
  return name !== undefined && filename !== undefined && name.trim() !== filename.trim();
}
