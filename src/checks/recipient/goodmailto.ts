/** The check that the product exists for: does the directory list this recipient, and may this client write to it? */
import { recipientSettings } from "../../config/recipients.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { found as finds, pass, refuse } from "../../hooks/verdict.ts";
import type { Verdict as AnyVerdict } from "../../hooks/verdict.ts";
import type { Meaning } from "../../deliverable/codes.ts";
import type { Mailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { createLive } from "./live.ts";
import type { Restriction } from "../../snapshot/recipients.ts";

const reasons = {
  unknown: "unknown recipient",
  stale: "unknown recipient, old list",
  vanished: "vanished recipient",
  suspended: "suspended recipient",
  internal: "internal recipient",
  sender: "sender not accepted",
  liveLater: "unknown recipient, later by the directory",
  liveAway: "unknown recipient, no live answer",
};
/** The words of the plugin goodmailto's log line. */
const findings = {
  known: "found",
  unknown: "not found",
  stale: "not found (stale)",
  vanished: "not found (grace)",
  suspended: "found (later)",
  internal: "found (internal only)",
  sender: "found (sender not accepted)",
  unavailable: "accepted (no snapshot)",
  live: "found (live)",
  liveLater: "not found (live: later)",
  liveAway: "not found (live: no answer)",
  bypassed: "bypassed (NOGOODMAILTO)",
};
type Verdict = AnyVerdict<keyof typeof reasons, keyof typeof findings>;

const found = finds("known");
const noSnapshot = finds("unavailable");
const bypassed = finds("bypassed");

/** RFC 3463: 4.2.1 mailbox disabled, for now. An untrusted client cannot tell why. */
const later = reply(450, "4.2.1", "Mailbox not available now, try again later");
const notAuthorised = reply(550, "5.7.1", "Delivery not authorized");

const vanished = refuse("vanished", later, { finding: "vanished" });
const oldList = refuse("stale", later, { finding: "stale" });
const suspended = refuse("suspended", later, { finding: "suspended" });
const internal = refuse("internal", notAuthorised, { finding: "internal" });
const liveFound = finds("live");
const liveLater = refuse("liveLater", later, { finding: "liveLater" });
const liveAway = refuse("liveAway", later, { finding: "liveAway" });
const otherSender = refuse("sender", notAuthorised, { finding: "sender" });

/** Who comes from the internal network may write to internal recipients; the internal mail server has the last word. */
function isOwn(session: CheckSession): boolean {
  return session.has("RELAYCLIENT") || session.has("SMTPAUTHUSER");
}

function judgeRestriction(restriction: Restriction, session: CheckSession, unknown: () => Verdict): Verdict {
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
  doc: "Refuses a recipient that the directory does not list. Accepts all recipients of a client with NOGOODMAILTO.",
  original:
    'The qmail-spp plugin goodmailto 1.4, whose source is lost, and its list control/goodmailto of user parts (`match = "user-part"`).',
  failure:
    "Accepts everything while there is no snapshot. If the daemon of `live` does not answer, `live_away` applies.",
  section: "recipients",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: recipientSettings,
  reasons,
  findings,
  create: (settings, services) => {
    const { reply: text, grace, stale_after: staleAfter } = settings;
    const { recipients, now } = services;
    const refusal = refuse("unknown", reply(550, "5.1.1", text), { finding: "unknown" });
    const askLive = createLive(settings, services);
    const unknown = (asOf: number | undefined): Verdict =>
      staleAfter > 0 && asOf !== undefined && now() - asOf > staleAfter ? oldList : refusal;
    const byLive = (meaning: Meaning, list: Verdict): Verdict => {
      switch (meaning) {
        case "deliverable":
          return liveFound;
        case "undeliverable":
          return refusal;
        case "later":
          return liveLater;
        case "untold":
          return settings.live_away === "defer" ? liveAway : list;
      }
    };
    const orLive = (recipient: Mailbox, list: Verdict): Verdict | Promise<Verdict> => {
      const meaning = askLive(recipient);
      return meaning instanceof Promise
        ? meaning.then((late) => byLive(late, list))
        : meaning === undefined
          ? list
          : byLive(meaning, list);
    };
    return {
      rcpt(session) {
        const { recipient } = session;
        if (recipient === undefined || session.rcpt?.expansion !== undefined) {
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
            return now() - answer.since < grace ? vanished : orLive(recipient, unknown(answer.asOf));
          case "unknown":
            return answer.by === undefined ? orLive(recipient, unknown(answer.asOf)) : refusal;
          case "unavailable":
            return noSnapshot;
        }
      },
    };
  },
});
