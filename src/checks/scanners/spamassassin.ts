/** spamassassin: asks spamd how likely a message is spam; refuses from a score on, or marks. */
import * as field from "../../config/fields.ts";
import type { CheckSession, Recipient } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import type { BodyView, MessageSession, WholeEdits } from "../../hooks/message.ts";
import { recipientOptions } from "../../hooks/recipient-options.ts";
import type { NoAnswer, Scanner, Score } from "../../hooks/scanner.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { receivedField } from "../../mail/received.ts";
import { reply } from "../../mail/reply.ts";
import { octetsOf } from "../../mail/octets.ts";
import { isNoAnswer } from "../../scanners/scanners.ts";
import { placeRule, readPlace } from "../../scanners/service-connection.ts";
import { spamd } from "../../scanners/spamd.ts";
import { attempt, insertFields, prefixed, valueOf } from "./fields.ts";
import { onErrorField, withoutAnswer } from "./no-answer.ts";

const refused = refuse("spam", reply(554, "5.7.1", "spam score exceeded threshold"));

export const spamassassin: CheckDefinition = defineCheck({
  name: "spamassassin",
  doc: "Refuses messages that spamd gives a high score, and adds the X-Spam fields of spamd to others.",
  original:
    "qpsmtpd plugin spamassassin, which accepted mail while spamd did not answer. spamd is asked for its own fields (HEADERS), and sees a Received field of this relay.",
  failure:
    "If spamd does not answer, on_error applies; after too many consecutive failures it is not asked for ten seconds.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: {
    socket: field.textBy(placeRule, "127.0.0.1:783", "Address of spamd: host:port, or the path of its socket."),
    reject_threshold: field.integerOr(
      0,
      0,
      1000,
      "userprefs",
      "Score at which a message is refused. 0: never. userprefs: the required score of spamd's user. With the check split, the option spamassassin_reject_threshold of a recipient in the alias file is used instead.",
    ),
    munge_subject_threshold: field.integer(
      0,
      0,
      1000,
      "Score at which subject_prefix is put in front of the Subject. 0: never.",
    ),
    subject_prefix: field.text("*** SPAM *** ", "Text for munge_subject_threshold."),
    headers: field.choice(
      ["add", "none"],
      "add",
      "add: add spamd's X-Spam fields; messages are spooled until the answer. none: do not change the header; without munge_subject_threshold messages are then streamed.",
    ),
    leave_old_headers: field.choice(
      ["rename", "drop", "keep"],
      "rename",
      "What to do with existing X-Spam fields if headers = add. rename: rename them to X-Old-Spam.",
    ),
    user: field.text(
      "",
      "User whose preferences spamd uses. %r: the recipient, if the message has only one. Empty: spamd's default.",
    ),
    size_limit: field.size(
      "500000B",
      "Larger messages are accepted unscanned. A message waits in memory until spamd has answered.",
      "1B",
    ),
    timeout: field.duration("30s", "Timeout for the answer.", ["10ms", "5m"]),
    on_error: onErrorField("pass"),
  },
  reasons: { spam: "spam", unavailable: "spam scanner unavailable" },
  unless: immune,
  create(chosen, { scanner, hostname, log, now }) {
    const place = readPlace(chosen.socket);
    const limits = { maxSize: chosen.size_limit, timeout: chosen.timeout };
    const marks = chosen.headers === "add";
    const askFor = (session: MessageSession): Scanner<Score> =>
      scanner.open(
        spamd({ place, user: userOf(chosen.user, session), lead: leadOf(session, hostname, new Date(now())) }),
        limits,
      );
    const verdictOn = (answer: Score | NoAnswer, session: MessageSession) => {
      if (isNoAnswer(answer)) {
        return withoutAnswer(answer, chosen.on_error, "Unable to scan for spam");
      }
      const threshold = chosen.reject_threshold === "userprefs" ? answer.required : chosen.reject_threshold;
      const { accepted = [], results } = session.transaction ?? {};
      if (results === undefined) {
        return isSpam(answer, threshold) ? refused : pass;
      }
      accepted
        .filter((recipient) => isSpam(answer, thresholdOf(session, recipient) ?? threshold))
        .forEach((recipient) => results.refuse(recipient.mailbox));
      return pass;
    };
    const change = (message: WholeEdits & BodyView, answer: Score, session: MessageSession): void => {
      const user = userOf(chosen.user, session);
      const recipients = session.transaction?.accepted.length ?? 0;
      if (marks) {
        clearOld(message, chosen.leave_old_headers);
        const told = user === "" ? [] : [`X-Spam-User: ${user}, ${recipients} recipients`];
        insertFields(message, [...answer.headers, ...told], log, "spamassassin");
      }
      if (chosen.munge_subject_threshold > 0 && answer.score >= chosen.munge_subject_threshold) {
        const subject = prefixed(message.fields.nth("Subject", 1) ?? "", chosen.subject_prefix);
        attempt(() => message.changeHeader("Subject", 1, subject), log, "spamassassin");
      }
    };
    return {
      needs: marks || chosen.munge_subject_threshold > 0 ? "whole" : "tap",
      tap(session, message: BodyView) {
        const scan = askFor(session).begin();
        return {
          take: (content) => scan.take(content),
          end: async () => verdictOn(await scan.end(message.signal), session),
          abandon: () => scan.abandon(),
        };
      },
      async message(session, message) {
        const answer = await askFor(session).scan(message.content(), message.signal);
        const verdict = verdictOn(answer, session);
        if (verdict.kind === "pass" && !isNoAnswer(answer)) {
          change(message, answer, session);
        }
        return verdict;
      },
    };
  },
});

/** @param threshold 0: never */
function isSpam({ score }: Score, threshold: number): boolean {
  return threshold > 0 && score >= threshold;
}

/** What the alias file says for this recipient; undefined: nothing, or no number. */
function thresholdOf(session: MessageSession, recipient: Recipient): number | undefined {
  const text = recipientOptions.get(session, recipient)?.get("spamassassin_reject_threshold") ?? "";
  return /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : undefined;
}

/** A user's name goes into a line of the protocol: nothing else may. */
function userOf(user: string, { transaction }: Pick<CheckSession, "transaction">): string {
  const [only, ...more] = transaction?.accepted ?? [];
  const name = user === "%r" ? (more.length > 0 ? "" : (only?.mailbox.raw ?? "")) : user;
  return /^[\x21-\x7e]{1,320}$/.test(name) ? name : "";
}

function leadOf(session: MessageSession, by: string, at: Date): string {
  const { helo, client, id, transaction } = session;
  const trace = { helo, host: client.host, ip: client.ip, by, protocol: "ESMTP", id, recipient: undefined, at };
  return `X-Envelope-From: <${octetsOf(transaction?.sender?.raw ?? "")}>\r\n${receivedField(trace)}`;
}

/** Nobody may say in the name of spamd what it did not say. */
function clearOld(message: WholeEdits & BodyView, how: "rename" | "drop" | "keep"): void {
  if (how === "keep") {
    return;
  }
  const old = message.fields.all.filter(({ name }) => /^x-spam-/i.test(name));
  new Set(old.map(({ name }) => name.toLowerCase())).forEach((name) => message.deleteReceivedHeader(name));
  if (how === "rename") {
    for (const { name, value } of old.toReversed()) {
      message.insertHeader(0, `${name.replace(/^x-spam-/i, "X-Old-Spam-")}: ${valueOf(value)}`);
    }
  }
}
