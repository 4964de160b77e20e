/**
 * rblspp: a client that a DNS blocklist lists is refused at RCPT, or from the greeting on; rblsmtpd's rules, as a
 * check of recipients or in rblsmtpd's own place. Text is the list's own behind an enhanced code; codes are rblsmtpd's
 * 451 and 553.
 */
import type * as z from "zod";

import * as field from "../../config/fields.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { askSoundList, healthOf } from "../../dns/list-health.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Answer as AnyAnswer, Verdict as AnyVerdict } from "../../hooks/verdict.ts";
import type { ListAnswer } from "../../dns/list-lookup.ts";
import { parseSource } from "../../dns/lists.ts";
import type { DnsListSource } from "../../dns/lists.ts";
import { normalIp } from "../../mail/network.ts";
import { reply, replyText } from "../../mail/reply.ts";

const sources = field
  .list(
    [],
    'Lists in order of precedence. "r:zone": blocks with the text of its TXT record. "r:zone:message": blocks by its A record, with this message (%IP% is the client address). "a:zone": accepts the client, and later lists are not queried.',
  )
  .refine((texts) => texts.every((text) => parseSource(text) !== undefined), {
    message: 'must be "r:zone", "r:zone:message" or "a:zone"',
  });

const settings = {
  sources,
  at: field.choice(
    ["rcpt", "connection"],
    "rcpt",
    "When to refuse. rcpt: at each recipient, unless one recipient of the message has already been accepted. connection: lists are queried before the greeting; a listed client may use HELO, EHLO, MAIL and QUIT, and every other command, including AUTH and STARTTLS, is refused, as rblsmtpd does. If RBLSPP is not set, RBLSMTPD in the client rules is used instead.",
  ),
  conversation: field.duration(
    "1m",
    "Maximum duration of the session of a listed client with `at` = connection: rblsmtpd's -t.",
    ["1s", "1h"],
  ),
  permanent: field.flag(false, "Listed clients get 553 instead of 451: rblsmtpd's -b."),
  fail_closed: field.flag(false, "If a list cannot be queried, block the client with 451: rblsmtpd's -c."),
  test_points: field.flag(
    true,
    "Query the test points of RFC 5782 (127.0.0.2 is listed, 127.0.0.1 is not) at start and once an hour. A list that lists every address or none is not used, and an error is logged. false: for a list of your own without test points.",
  ),
};
type Settings = z.infer<z.ZodObject<typeof settings>>;

const reasons = { listed: "listed client", unavailable: "blocklist unavailable" };
type Verdict = AnyVerdict<keyof typeof reasons, never>;
type Answer = AnyAnswer<keyof typeof reasons, never>;

function block(code: 451 | 553, text: string): Verdict {
  return refuse("listed", reply(code, code === 553 ? "5.7.1" : "4.7.1", text));
}

/** RBLSPP from the client rules: empty is not a question, a text blocks with 451, one after a hyphen with 553. */
function byVariable(text: string): Verdict {
  if (text === "") {
    return pass;
  }
  return text.startsWith("-") ? block(553, text.slice(1)) : block(451, text);
}

/** One client's question to all lists: its answers in order, and what they mean. */
class Question {
  readonly #settings: Settings;
  readonly #sources: readonly DnsListSource[];
  readonly #ip: string;
  /** After a failed query even a listed client gets 451: the list that failed might have cleared the client. */
  #temporary = false;

  constructor(chosen: Settings, lists: readonly DnsListSource[], ip: string) {
    this.#settings = chosen;
    this.#sources = lists;
    this.#ip = ip;
  }

  /** Answers in the order of the sources; waits only if one is not there yet. */
  judge(answers: readonly (ListAnswer | Promise<ListAnswer>)[], from = 0): Answer {
    for (let i = from; i < answers.length; i++) {
      const answer = answers[i];
      if (answer instanceof Promise) {
        return answer.then((known) => this.judge(answers.with(i, known), i));
      }
      const verdict = this.#weigh(this.#sources[i], answer);
      if (verdict !== undefined) {
        return verdict;
      }
    }
    return pass;
  }

  /** One list's word; undefined if the next one is to be heard. */
  #weigh(source: DnsListSource | undefined, answer: ListAnswer | undefined): Verdict | undefined {
    if (source === undefined || answer === undefined || answer.kind === "absent") {
      return undefined;
    }
    if (answer.kind === "failed") {
      return this.#weighFailure(source);
    }
    if (source.kind === "allow") {
      return pass;
    }
    const text = source.message === undefined ? answer.text : source.message.replaceAll("%IP%", this.#ip);
    return block(this.#settings.permanent && !this.#temporary ? 553 : 451, text);
  }

  #weighFailure(source: DnsListSource): Verdict | undefined {
    this.#temporary = true;
    if (source.kind === "allow") {
      return this.#settings.fail_closed ? undefined : pass;
    }
    return this.#settings.fail_closed
      ? refuse("unavailable", reply(451, "4.7.1", "Cannot look up your address at present"))
      : undefined;
  }
}

/** The check `rblspp`. Once a recipient of a message was accepted, its other recipients are not asked about. */
export const rblspp: CheckDefinition = defineCheck({
  name: "rblspp",
  doc: "Refuses recipients from a client that is in a DNS blocklist, unless one recipient of the message has already been accepted; with `at` = connection, refuses the client before the greeting. If a client rule sets RBLSPP, no list is queried.",
  original: "qmail-spp plugin rblspp by Randjic, whose source is lost, and rblsmtpd of ucspi-tcp 0.88.",
  failure:
    'A list that cannot be queried lists nobody, unless `fail_closed` is set; an "a:" list that cannot be queried accepts the client.',
  stage: "policy",
  hooks: ["connection", "rcpt"],
  settings,
  reasons,
  create(chosen, { dns, log, now }) {
    const lists = chosen.sources.map(parseSource).filter((source) => source !== undefined);
    const health = chosen.test_points && lists.length > 0 ? healthOf(dns, log, now) : undefined;
    lists.forEach(({ zone }) => health?.begin(zone));
    const judge = ({ client }: CheckSession, variable: string | undefined): Answer => {
      if (variable !== undefined) {
        return byVariable(variable);
      }
      const ip = normalIp(client.ip);
      return new Question(chosen, lists, ip).judge(lists.map((source) => askSoundList(dns, health, source, ip)));
    };
    const limit = (verdict: Verdict, session: CheckSession): Verdict => {
      if (verdict.kind !== "refuse") {
        return verdict;
      }
      // The only line about it: its recipients reach no check.
      const { id, client } = session;
      log.info("rblspp", "listed", { session: id, ip: client.ip, reply: replyText(verdict.reply) });
      return { ...verdict, limited: chosen.conversation };
    };
    return {
      connection(session) {
        if (chosen.at !== "connection") {
          return pass;
        }
        const { variables } = session;
        const verdict = judge(session, variables.get("RBLSPP") ?? variables.get("RBLSMTPD"));
        return verdict instanceof Promise ? verdict.then((known) => limit(known, session)) : limit(verdict, session);
      },
      rcpt(session) {
        const isAsked = chosen.at === "rcpt" && (session.transaction?.accepted.length ?? 0) === 0;
        return isAsked ? judge(session, session.variables.get("RBLSPP")) : pass;
      },
    };
  },
});
