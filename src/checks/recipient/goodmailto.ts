/** The check that the product exists for: does the directory list this recipient, and may this client write to it? */
import { recipientSettings } from "../../config/recipients.ts";
import type { RecipientSettings } from "../../config/recipients.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { found as finds, pass, refuse } from "../../hooks/verdict.ts";
import type { Verdict as AnyVerdict } from "../../hooks/verdict.ts";
import type { Meaning } from "../../deliverable/codes.ts";
import type { Mailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { createLive } from "./live.ts";
import type { Recipients, Restriction } from "../../snapshot/recipients.ts";

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

/** What holds in the domain of a recipient. Times in ms. */
interface Words {
  readonly refusal: Verdict;
  readonly grace: number;
  readonly staleAfter: number;
}

type DomainWords = Pick<RecipientSettings, "reply" | "grace" | "stale_after">;

/** What `[recipients]` says, or a `[[domain]]` in its place. */
function createWords(
  settings: DomainWords,
  { ownDomain }: Pick<Recipients, "ownDomain">,
): (recipient: Mailbox) => Words {
  const common = compileWords(settings);
  if (ownDomain === undefined) {
    return () => common;
  }
  const own = new WeakMap<DomainWords, Words>();
  return (recipient) => {
    const domain = ownDomain(recipient);
    const words = domain === undefined ? common : (own.get(domain) ?? compileWords(domain));
    if (domain !== undefined) {
      own.set(domain, words);
    }
    return words;
  };
}

function compileWords({ reply: text, grace, stale_after: staleAfter }: DomainWords): Words {
  return { refusal: refuse("unknown", reply(550, "5.1.1", text), { finding: "unknown" }), grace, staleAfter };
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
    const { recipients, now } = services;
    const askLive = createLive(settings, services);
    const wordsOf = createWords(settings, recipients);
    const unknown = ({ refusal, staleAfter }: Words, asOf: number | undefined): Verdict =>
      staleAfter > 0 && asOf !== undefined && now() - asOf > staleAfter ? oldList : refusal;
    const byLive = (meaning: Meaning, list: Verdict, { refusal }: Words): Verdict => {
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
    const orLive = (recipient: Mailbox, list: Verdict, words: Words): Verdict | Promise<Verdict> => {
      const meaning = askLive(recipient);
      return meaning instanceof Promise
        ? meaning.then((late) => byLive(late, list, words))
        : meaning === undefined
          ? list
          : byLive(meaning, list, words);
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
        const words = wordsOf(recipient);
        const answer = recipients.find(recipient);
        switch (answer.kind) {
          case "known":
            return answer.restriction === undefined
              ? found
              : judgeRestriction(answer.restriction, session, () => unknown(words, undefined));
          case "gone":
            return now() - answer.since < words.grace
              ? vanished
              : orLive(recipient, unknown(words, answer.asOf), words);
          case "unknown":
            return answer.by === undefined ? orLive(recipient, unknown(words, answer.asOf), words) : words.refusal;
          case "unavailable":
            return noSnapshot;
        }
      },
    };
  },
});
