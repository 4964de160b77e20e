/** loop: a message that went through too many hops goes round in a circle. RFC 5321 6.3. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const refused = refuse("loop", reply(554, "5.4.6", "Too many hops, this message is looping"));

/** Trace fields at the start of a line; a blank before the colon is the obsolete form of RFC 5322 4.5. */
const trace = /(?:^|\n)(?:received|delivered-to)[ \t]*:/gi;
/** Where the header ends, should more than the header be handed over. */
const headerEnd = /\r?\n\r?\n|^\r?\n/;

/** How many Received and Delivered-To fields a header section has. */
export function countHops(header: string): number {
  const end = headerEnd.exec(header);
  const section = end === null ? header : header.slice(0, end.index);
  return section.match(trace)?.length ?? 0;
}

/** The check `loop`. */
export const loop: CheckDefinition = defineCheck({
  name: "loop",
  doc: "Refuses a message whose header has too many Received and Delivered-To fields.",
  original: "qpsmtpd plugin check_loop (0.94: loop), which refused with 552.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["message"],
  settings: {
    max: field.integer(
      100,
      10,
      10_000,
      "Maximum number of Received and Delivered-To fields of an incoming message. RFC 5321 6.3 requires at least 100.",
    ),
  },
  reasons: { loop: "loop" },
  create: ({ max }) => ({
    message: (_session, { header }) => (countHops(header) > max ? refused : pass),
  }),
});
