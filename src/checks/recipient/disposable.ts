/**
 * disposable: addresses that a user makes up for one purpose, and that end by themselves: for so many messages
 * (vera.5.count@), or until a day (vera.until.20301231@). After qpsmtpd's spam_gourmet, by Steve Kemp; the form of its
 * dates is lost, so the one here is goodmailto's own.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii, foldUser, normalKey } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Domains } from "../../mail/domains.ts";
import type { Recipients } from "../../snapshot/recipients.ts";
import { baseOf, disposableForm } from "./disposable-form.ts";
import { DisposablePlaces } from "./disposable-places.ts";

const word = { allowed: "letters, digits, - or _", fits: (text: string) => /^[A-Za-z0-9_-]{1,32}$/.test(text) };
const separators = { allowed: "one or more of . + - _ =", fits: (text: string) => /^[.+\-_=]{1,8}$/.test(text) };

function isOurs({ domain }: Mailbox, domains: Domains): boolean {
  return domain === "" || domains.canonical(domain) !== undefined;
}

/** One key for all spellings of an address. */
function keyOf({ user, domain }: Mailbox, domains: Domains): string {
  return normalKey(user, domains.canonical(domain) ?? domain);
}

/** Whether the directory has the address just so: then it is somebody's own. */
function isListed(recipients: Recipients, mailbox: Mailbox, domains: Domains): boolean {
  const answer = recipients.find(mailbox);
  return answer.kind === "known" && [keyOf(mailbox, domains), foldUser(mailbox.user)].includes(answer.key);
}

export const disposable: CheckDefinition = defineCheck({
  name: "disposable",
  doc: "Accepts disposable addresses that users make up for one purpose. vera.5.count@ (or vera.count.5@) is vera@ for five messages, vera.until.20301231@ is vera@ until the end of December 30, UTC; afterwards both are refused as unknown. The message goes to vera@, which must be in the directory. Addresses that are themselves in the directory are not affected, nor are recipients outside the relay domains. The counts are kept in [state]. In mode observe nothing is rewritten.",
  original:
    "qpsmtpd plugin spam_gourmet by Steve Kemp; the form of its dates is lost, so the one here is goodmailto's own choice.",
  failure:
    "While the state is unavailable, all are accepted and not counted. Without a snapshot, the next hop decides about vera@.",
  stage: "policy",
  hooks: ["rcpt", "concluded"],
  remembers: true,
  settings: {
    separator: field.textBy(separators, ".", "Separator between user, word and number."),
    count_word: field.textBy(word, "count", "The word that marks an address with a count. Case does not matter."),
    until_word: field.textBy(
      word,
      "until",
      "The word that marks an address with a date. The date is the first day on which it is refused, such as 20301231.",
    ),
    max: field.integer(
      100,
      1,
      10_000,
      "The largest number in such an address; an address with a larger number is an ordinary one.",
    ),
    count: field.choice(
      ["messages", "attempts"],
      "messages",
      "What is counted. messages: messages that the next hop has accepted. attempts: each RCPT, as in the original.",
    ),
    forget: field.duration("400d", "How long to keep a count after its first message.", ["1h", "4000d"]),
  },
  reasons: { used: "used-up address", expired: "expired address" },
  create({ separator, count_word, until_word, max, count, forget }, { recipients, domains, state, now }) {
    const places = new DisposablePlaces(state.table<number>("disposable", { ttl: forget, most: 100_000 }));
    const words = { separator, count: foldAscii(count_word), until: foldAscii(until_word) };
    const rewrite = (session: CheckSession, mailbox: Mailbox): typeof pass => {
      session.apply({ kind: "address", mailbox });
      return pass;
    };
    const take = (session: CheckSession, recipient: Mailbox, base: Mailbox, most: number) => {
      const key = `${keyOf(base, domains)} ${most}`;
      const judge = (isLeft: boolean) =>
        isLeft ? rewrite(session, base) : refuse("used", recipients.unknown(recipient));
      const isLeft = count === "messages" ? places.take(session, key, most) : places.count(key, most);
      return isLeft instanceof Promise ? isLeft.then(judge) : judge(isLeft);
    };
    return {
      rcpt(session) {
        const { recipient } = session;
        const form = recipient === undefined ? undefined : disposableForm(recipient.user, words);
        if (recipient === undefined || form === undefined || !isOurs(recipient, domains)) {
          return pass;
        }
        const base = baseOf(recipient, form.user);
        if (base === undefined || isListed(recipients, recipient, domains)) {
          return pass;
        }
        if (form.kind === "until") {
          return now() < form.until ? rewrite(session, base) : refuse("expired", recipients.unknown(recipient));
        }
        // Whoever guesses names must not fill the table.
        return form.count > max || recipients.find(base).kind === "unknown"
          ? pass
          : take(session, recipient, base, form.count);
      },
      concluded: (session, conclusion) => places.conclude(session, conclusion),
    };
  },
});
