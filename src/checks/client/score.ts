/** score: refuses a client against which checks in mode score have gathered too many points. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { immune } from "../../hooks/exemption.ts";
import { proofOfWork } from "../../hooks/proof-of-work.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const text = "Refused by local policy";
const atRcpt = refuse("points", reply(550, "5.7.1", text));
/** RFC 5321 4.2.3: 554 is the code of a transaction that failed. */
const atData = refuse("points", reply(554, "5.7.1", text));

export const score: CheckDefinition = defineCheck({
  name: "score",
  doc: "Refuses when the points added by checks in mode score reach a threshold. Put it last in the list: the points of a check that runs after it at RCPT count only from the next recipient, or DATA, on.",
  original: "None: qpsmtpd 0.94 has karma, which counts differently.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["rcpt", "data", "message"],
  settings: {
    refuse_at: field.integer(
      5,
      1,
      100_000,
      "Number of points of session and transaction at which to refuse. Each reason of a check counts once per transaction, or once per session before MAIL.",
    ),
    stamp_bits: field.integer(
      0,
      0,
      60,
      "A message with a valid hashcash stamp of at least so many bits is not refused at its end, whatever its points; refusals at RCPT and DATA come before the stamp is known. Needs the check hashcash with verify = true. 0: stamps do not count.",
    ),
  },
  reasons: { points: "too many points" },
  unless: [...immune, "special recipient"],
  create({ refuse_at: refuseAt, stamp_bits: stampBits }) {
    const isOver = ({ points }: CheckSession): boolean => points >= refuseAt;
    const isStamped = (session: Pick<CheckSession, "transaction">): boolean =>
      stampBits > 0 && (proofOfWork.get(session) ?? 0) >= stampBits;
    return {
      rcpt: (session) => (isOver(session) ? atRcpt : pass),
      data: (session) => (isOver(session) ? atData : pass),
      message: (session) => (isOver(session) && !isStamped(session) ? atData : pass),
    };
  },
});
