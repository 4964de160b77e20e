/** rspamd: asks rspamd what to do with a message, and does it. */
import * as field from "../../config/fields.ts";
import { openAuthorities } from "../../files/authorities.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import type { BodyView, MessageSession, WholeEdits } from "../../hooks/message.ts";
import type { NoAnswer } from "../../hooks/scanner.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { printable, reply } from "../../mail/reply.ts";
import { octetsOf } from "../../mail/octets.ts";
import { parseRspamdPlace, rspamd as transport } from "../../scanners/rspamd.ts";
import type { RspamdFacts, RspamdPlace, Weighed } from "../../scanners/rspamd.ts";
import { isNoAnswer } from "../../scanners/scanners.ts";
import { attempt, insertFields, valueOf } from "./fields.ts";
import { onErrorField, withoutAnswer } from "./no-answer.ts";

/** Actions that end a message. */
const temporary = ["soft reject", "greylist"];

export const rspamd: CheckDefinition = defineCheck({
  name: "rspamd",
  doc: "Applies the action of rspamd to each message: reject and discard give 554, soft reject and greylist give 451, add header and rewrite subject change the message, with the header fields that rspamd requests.",
  original: "None in qpsmtpd: the protocol is rspamd's /checkv2, the replies are goodmailto's.",
  failure:
    "If rspamd does not answer, on_error applies; after too many consecutive failures it is not asked for ten seconds.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: {
    server: field.textBy(
      { allowed: '"host:port" or "https://host:port"', fits: (text) => parseRspamdPlace(text) !== undefined },
      "127.0.0.1:11333",
      "Address of a normal worker of rspamd. Across a network use https://, whose certificate must be valid for the host.",
    ),
    ca_file: field.file(
      "",
      "relay",
      "CA certificates (PEM) for https://. Read again when it changes; if it cannot be read, on_error applies. Empty: those of Node.",
    ),
    discard: field.choice(
      ["refuse", "accept"],
      "refuse",
      "What to do with a message for which the action is discard, since goodmailto accepts no message that it does not deliver. refuse: 554. accept: deliver it.",
    ),
    headers: field.choice(
      ["add", "none"],
      "add",
      "add: change the header as rspamd requests; messages are spooled until the answer. none: do not change it; messages are streamed.",
    ),
    max_size: field.size(
      "1MB",
      "Larger messages are accepted unscanned. A message waits in memory until rspamd has answered.",
      "1B",
    ),
    timeout: field.duration("30s", "Timeout for the answer.", ["10ms", "5m"]),
    on_error: onErrorField("pass"),
  },
  reasons: { spam: "spam", later: "rspamd asks to try later", unavailable: "spam scanner unavailable" },
  unless: immune,
  faults: ({ server, ca_file: file }) =>
    file === "" || parseRspamdPlace(server)?.secure !== false
      ? []
      : [{ key: "ca_file", message: "needs an https:// address as server: only there is a certificate" }],
  create(chosen, { scanner, log, now }) {
    const { server, ca_file: file, discard, headers, max_size: maxSize, timeout, on_error: onError } = chosen;
    const warn = (why: string): void => log.warning("rspamd", "ca_file cannot be used", { why });
    const authorities = file === "" ? undefined : openAuthorities(file, now, warn);
    // The rule of the setting has seen it.
    const read = parseRspamdPlace(server) as RspamdPlace;
    const place = { ...read, authorities: authorities && (() => authorities.current()) };
    const askFor = (session: MessageSession) => scanner.open(transport(place, factsOf(session)), { maxSize, timeout });
    const verdictOn = (answer: Weighed | NoAnswer) => {
      if (isNoAnswer(answer)) {
        return withoutAnswer(answer, onError, "Unable to scan for spam");
      }
      const text = printable(answer.message ?? "").trim();
      if (answer.action === "reject" || (answer.action === "discard" && discard === "refuse")) {
        return refuse("spam", reply(554, "5.7.1", text || "Spam message rejected"));
      }
      return temporary.includes(answer.action) ? refuse("later", reply(451, "4.7.1", text || "Try again later")) : pass;
    };
    const change = (message: WholeEdits & BodyView, answer: Weighed): void => {
      for (const name of answer.remove) {
        attempt(() => message.deleteHeader(name, 0), log, "rspamd");
      }
      const spam = ["add header", "rewrite subject"].includes(answer.action) ? ["X-Spam: Yes"] : [];
      message.deleteReceivedHeader("X-Spam");
      const lines = answer.add.map(([name, value]) => `${name}: ${valueOf(octetsOf(value))}`);
      insertFields(message, [...spam, ...lines.filter((line) => !spam.includes(line))], log, "rspamd");
      if (answer.action === "rewrite subject" && answer.subject !== undefined) {
        const subject = valueOf(octetsOf(answer.subject));
        attempt(() => message.changeHeader("Subject", 1, subject), log, "rspamd");
      }
    };
    return {
      needs: headers === "add" ? "whole" : "tap",
      tap(session, message: BodyView) {
        const scan = askFor(session).begin();
        return {
          take: (content) => scan.take(content),
          end: async () => verdictOn(await scan.end(message.signal)),
          abandon: () => scan.abandon(),
        };
      },
      async message(session, message) {
        const answer = await askFor(session).scan(message.content(), message.signal);
        const verdict = verdictOn(answer);
        if (verdict.kind === "pass" && !isNoAnswer(answer)) {
          change(message, answer);
        }
        return verdict;
      },
    };
  },
});

/** What rspamd wants to know besides. A value of a header field of HTTP holds no other characters. */
function factsOf({ client, helo, id, standing, transaction }: MessageSession): RspamdFacts {
  const safe = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?");
  return {
    IP: client.ip,
    Helo: safe(helo),
    ...(client.host === "" ? {} : { Hostname: safe(client.host) }),
    From: safe(transaction?.sender?.raw ?? ""),
    Rcpt: (transaction?.accepted ?? []).map(({ mailbox }) => safe(mailbox.raw)),
    "Queue-Id": id,
    ...(standing.user === undefined ? {} : { User: safe(standing.user) }),
  };
}
