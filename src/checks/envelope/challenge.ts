/**
 * challenge: protected addresses take mail only from senders that are known; those that are not may be asked a question.
 * After qpsmtpd's autowhitelist_captcha, whose source is lost. docs/challenge.md says what it costs others.
 */
import * as field from "../../config/fields.ts";
import { findMailbox, findRecipient, readAddresses } from "../../files/entries.ts";
import { openText } from "../../files/text-file.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass } from "../../hooks/verdict.ts";
import { normalKey, parseMailbox } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { entryOrDomainKey } from "../../mail/list-entry.ts";
import type { Log } from "../../report/log.ts";
import { ChallengeJudge, replies } from "./challenge-judge.ts";
import type { Judgement } from "./challenge-judge.ts";
import { ChallengeState } from "./challenge-state.ts";
import { createTaps } from "./challenge-taps.ts";
import { createUndecided } from "./challenge-undecided.ts";

const protectRule: field.TextRule = {
  allowed: "an address or a domain",
  fits: (text) => entryOrDomainKey(text) !== undefined,
};
const addressRule: field.TextRule = {
  allowed: "an address, or nothing",
  fits: (text) => text === "" || (parseMailbox(text)?.domain ?? "") !== "",
};

export const challenge: CheckDefinition = defineCheck({
  name: "challenge",
  doc: "Lets protected addresses take mail only from known senders: those of a list, those that they have written to, and those that have answered a question. By default nobody is asked, and unknown senders are refused. Questions are backscatter wherever the sender is forged: with `mode` = challenge, one goes only to a sender whose domain authorizes the client by SPF or has signed the message by DKIM, at most one a day to each and 100 an hour in all, and the message is deferred, not kept. Read docs/challenge.md before you set it. Bounces to protected addresses are refused, and deferred in mode challenge.",
  original:
    "qpsmtpd's autowhitelist_captcha, whose source is lost: question, five attempts, templates in two languages. The bounds, SPF and DKIM, the refusal of wrong answers and a sum in words as the usual question in place of a picture are choices of goodmailto's own.",
  failure:
    "A state that is unavailable passes all but listed senders, and asks nobody. Without an answer from DNS a sender is deferred and not asked. A missing or empty list has nobody.",
  stage: "policy",
  hooks: ["rcpt", "message", "concluded"],
  needs: "tap",
  remembers: true,
  unless: [...immune, "special recipient"],
  settings: {
    protect: field.listBy(protectRule, [], "Addresses and domains that are protected. Empty: none."),
    whitelist: field.listFile(
      "Senders that are known to everybody: user@host or @host per line.",
      "challenge_whitelist",
    ),
    blacklist: field.listFile("Senders that are refused, and never asked.", "challenge_blacklist"),
    mode: field.choice(
      ["list", "challenge", "observe", "score", "off"],
      "list",
      "list: refuse unknown senders. challenge: ask them; needs `from`. observe, score, off: as for every check, as far as list would refuse.",
    ),
    from: field.textBy(
      addressRule,
      "",
      "The address that questions come from and answers go to: a mailbox of yours at a relay domain. Answers go on to it.",
    ),
    attempts: field.integer(5, 1, 20, "Wrong answers after which a sender is refused for a year."),
    expire: field.duration("7d", "How long a question may be answered.", ["1h", "30d"]),
    image: field.flag(
      false,
      "Ask for the letters in a picture in place of a sum in words. Who cannot see the picture cannot answer, and programs read such pictures as well as people do.",
    ),
    language: field.choice(["en", "de"], "en", "Language of the questions."),
    template: field.listFile(
      "A file with the text of the question in place of goodmailto's, looked for like list files; {recipient} and {question} stand for what they name.",
    ),
    learn: field.flag(true, "Whoever a protected address writes to through this relay becomes known to it."),
  },
  faults: ({ mode, from }) =>
    mode === "challenge" && from === ""
      ? [{ key: "from", message: 'needs to be given with mode = "challenge": answers go there' }]
      : [],
  reasons: {
    listed: "listed sender to a protected recipient",
    stranger: "unknown sender to a protected recipient",
    asked: "unknown sender was asked",
    apart: "unknown sender to a protected recipient among others",
    wrong: "wrong answer",
  },
  create(settings, { domains, recipients, dns, hostname, lists, state, post, log, now }) {
    const { attempts, language, image } = settings;
    const ask = settings.mode === "challenge";
    const from = settings.from === "" ? undefined : parseMailbox(settings.from);
    const entries = new Map(settings.protect.map((text) => [entryOrDomainKey(text) ?? "", true] as const));
    const known = lists.list(settings.whitelist, (all, skip) => readAddresses(all, skip));
    const refused = lists.list(settings.blacklist, (all, skip) => readAddresses(all, skip));
    const memory = new ChallengeState(state, settings.expire);
    const template = openTemplate(lists.path(settings.template), log, now);
    const keyOf = ({ user, domain }: Mailbox): string => normalKey(user, domains.canonical(domain) ?? domain);
    const isProtected = (mailbox: Mailbox): boolean => findRecipient(entries, mailbox, domains) !== undefined;
    const isForAnswers = (mailbox: Mailbox): boolean => from !== undefined && keyOf(mailbox) === keyOf(from);
    const judge = new ChallengeJudge({ ask, image, attempts, language, from, template, keyOf, memory, dns, post, log });
    const unsigned = createUndecided();
    const tapFor = createTaps({ judge, dns, hostname });
    const judgeUnknown = async (session: CheckSession, sender: Mailbox, recipient: Mailbox): Promise<Judgement> => {
      const judged = await judge.sender(session, sender, recipient);
      return judged ?? (unsigned.wait(session, recipient) ? pass : replies.apart);
    };
    const judgeSender = (session: CheckSession, recipient: Mailbox): Judgement | Promise<Judgement> => {
      const sender = session.transaction?.sender;
      if (sender === undefined) {
        return ask ? replies.later : replies.stranger;
      }
      if (findMailbox(refused.current(), sender) !== undefined) {
        return replies.listed;
      }
      return findMailbox(known.current(), sender) === undefined ? judgeUnknown(session, sender, recipient) : pass;
    };
    return {
      rcpt(session) {
        const { recipient } = session;
        if (ask && unsigned.isWaiting(session)) {
          return replies.apart;
        }
        // Nobody is asked for a recipient that is refused.
        const concerns = recipient !== undefined && isProtected(recipient) && !isForAnswers(recipient);
        return concerns && recipients.find(recipient).kind !== "unknown" ? judgeSender(session, recipient) : pass;
      },
      wants: (session) => ask && (unsigned.isWaiting(session) || isAnswerTo(session.transaction, isForAnswers)),
      tap: (session, arriving) => tapFor(unsigned.recipient(session), session, arriving),
      concluded(session, conclusion) {
        const sender = session.transaction?.sender;
        if (!settings.learn || conclusion !== "delivered" || sender === undefined) {
          return;
        }
        const { relayClient, user } = session.standing;
        if ((relayClient || user !== undefined) && isProtected(sender)) {
          for (const { mailbox } of session.transaction?.accepted ?? []) {
            // Nobody waits for it, and it never rejects.
            void memory.learn(mailbox, sender);
          }
        }
      },
    };
  },
});

/** Whether a message goes to the address for answers alone. */
function isAnswerTo(transaction: CheckSession["transaction"], isForAnswers: (mailbox: Mailbox) => boolean): boolean {
  return (
    transaction?.sender !== undefined &&
    transaction.accepted.length === 1 &&
    transaction.accepted.every(({ mailbox }) => isForAnswers(mailbox))
  );
}

/** The text of the question in place of goodmailto's; nothing without a path. */
function openTemplate(path: string, log: Log, now: () => number): () => string | undefined {
  if (path === "") {
    return () => undefined;
  }
  const text = openText(path, now, (fault) => log.warning("challenge", "template cannot be read", { path, fault }));
  return () => text.current();
}
