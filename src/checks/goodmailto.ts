/** The check that the product exists for: does the directory list this recipient, and may this client write to it? */
import { z } from "zod";

import { defineCheck, pass } from "../hooks/check.ts";
import type { CheckDefinition, Reason, Verdict } from "../hooks/check.ts";
import type { Session } from "../hooks/session.ts";
import { reply } from "../mail/reply.ts";
import type { Restriction } from "../snapshot/recipients.ts";

const found: Verdict = { kind: "pass", note: "found" };
const noSnapshot: Verdict = { kind: "pass", note: "accepted (no snapshot)" };
const bypassed: Verdict = { kind: "pass", note: "bypassed (NOGOODMAILTO)" };

/** RFC 3463: 4.2.1 mailbox disabled, for now. A stranger cannot tell why. */
const later = reply(450, "4.2.1", "Mailbox not available now, try again later");
const notAuthorised = reply(550, "5.7.1", "Delivery not authorized");

function wait(reason: Reason, note: string): Verdict {
  return { kind: "refuse", reason, reply: later, note };
}

const vanished = wait("vanished recipient", "not found (grace)");
const oldList = wait("unknown recipient, old list", "not found (stale)");
const suspended = wait("suspended recipient", "found (later)");
const internal: Verdict = {
  kind: "refuse",
  reason: "internal recipient",
  reply: notAuthorised,
  note: "found (internal only)",
};
const otherSender: Verdict = {
  kind: "refuse",
  reason: "sender not accepted",
  reply: notAuthorised,
  note: "found (sender not accepted)",
};

/** Who comes from inside may write to internal recipients; the inside server has the last word. */
function isOwn(session: Session): boolean {
  return session.has("RELAYCLIENT") || session.has("SMTPAUTHUSER");
}

function judgeRestriction(restriction: Restriction, session: Session, unknown: () => Verdict): Verdict {
  switch (restriction.kind) {
    case "bounces":
      return session.transaction?.sender === undefined ? found : unknown();
    case "later":
      return suspended;
    case "internal":
      return isOwn(session) ? found : internal;
    case "senders":
      return isOwn(session) || restriction.accepts(session.transaction?.sender) ? found : otherSender;
  }
}

export const goodmailto: CheckDefinition = defineCheck({
  name: "goodmailto",
  doc: "Refuses a recipient that the directory does not list. Passes all while there is no snapshot, and all of a client with NOGOODMAILTO.",
  section: "recipients",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: z.object({ reply: z.string(), grace: z.number(), stale_after: z.number() }),
  create: ({ reply: text, grace, stale_after: staleAfter }, { recipients, now }) => {
    const refusal: Verdict = { kind: "refuse", reason: "unknown recipient", reply: reply(550, "5.1.1", text) };
    const unknown = (asOf: number | undefined): Verdict =>
      staleAfter > 0 && asOf !== undefined && now() - asOf > staleAfter ? oldList : refusal;
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
            return answer.restriction === undefined
              ? found
              : judgeRestriction(answer.restriction, session, () => unknown(undefined));
          case "gone":
            return now() - answer.since < grace ? vanished : unknown(answer.asOf);
          case "unknown":
            return unknown(answer.asOf);
          case "unavailable":
            return noSnapshot;
        }
      },
    };
  },
});
