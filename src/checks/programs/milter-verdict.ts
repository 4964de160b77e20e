/** What a milter says, as a verdict: numbers and texts as Postfix has them, but for greetings. */
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Pass, Refusal } from "../../hooks/verdict.ts";
import { withOtherCode } from "../../mail/reply-changes.ts";
import { reply, replyText } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Against, Said } from "../../milter/said.ts";

export const milterReasons = {
  rejected: "rejected by milter",
  deferred: "deferred by milter",
  discarded: "to be discarded, says milter",
  quarantined: "to be quarantined, says milter",
  unavailable: "milter unavailable",
};
export type MilterReason = keyof typeof milterReasons;
export type MilterVerdict = Pass<never> | Refusal<MilterReason, never>;

/** Where a milter is asked, in qpsmtpd's words. */
export const milterMoments = {
  connection: "connection",
  helo: "HELO",
  mail: "MAIL FROM",
  rcpt: "RCPT TO",
  data: "DATA",
  message: "end of DATA",
};
export type MilterMoment = keyof typeof milterMoments;

/** What the settings say of answers. */
export interface VerdictRules {
  readonly defaultAction: "accept" | "defer" | "refuse" | "off";
  readonly discard: "refuse" | "accept";
  /** The name of the milter in replies; undefined: its answers are not explained. */
  readonly explainAs: string | undefined;
}

const rejected = reply(550, "5.7.1", "Command rejected");
const deferred = reply(451, "4.7.1", "Service unavailable - try again later");
const closing = reply(421, "4.7.1", "Service unavailable - try again later");
const unavailable = reply(550, "5.5.0", "Service unavailable");
const refusedMessage = reply(554, "5.7.1", "Message refused");
const refusedEnvelope = reply(550, "5.7.1", "Message refused");

/** The verdict. A milter that is not there decides at MAIL, so that a session may still say QUIT. */
export function verdictOf(said: Said, moment: MilterMoment, rules: VerdictRules): MilterVerdict {
  switch (said.kind) {
    case "nothing":
      return pass;
    case "against":
      return verdictAgainst(said.answer, moment, rules);
    case "unavailable":
      return isEarly(moment) ? pass : verdictWithout(rules);
  }
}

function isEarly(moment: MilterMoment): boolean {
  return moment === "connection" || moment === "helo";
}

function verdictWithout({ defaultAction }: VerdictRules): MilterVerdict {
  switch (defaultAction) {
    case "accept":
    case "off":
      return pass;
    case "defer":
      return refuse("unavailable", deferred);
    case "refuse":
      return refuse("unavailable", unavailable);
  }
}

function verdictAgainst(answer: Against, moment: MilterMoment, rules: VerdictRules): MilterVerdict {
  switch (answer.kind) {
    case "reject":
      return refusal("rejected", explained(rejected, moment, rules, ""), moment);
    case "defer":
      return refusal("deferred", deferred, moment);
    case "fail":
      return refuse("deferred", closing, { close: true });
    case "reply": {
      const said = answer.reply;
      const text = replyText(said).replaceAll(/(?:^| \/ )\d{3}[ -](?:[245]\.\d+\.\d+ )?/g, " ");
      return refusal(said.code < 500 ? "deferred" : "rejected", explained(said, moment, rules, text), moment);
    }
    case "discard":
      return rules.discard === "accept" ? pass : refuse("discarded", refusedFor(moment));
  }
}

/** A message that is refused although the milter would have made it vanish. */
export function refusedFor(moment: MilterMoment): Reply {
  return moment === "message" || moment === "data" ? refusedMessage : refusedEnvelope;
}

/** In place of a greeting there are two replies: RFC 5321 3.1. 421 always ends the session. */
function refusal(reason: MilterReason, said: Reply, moment: MilterMoment): Refusal<MilterReason, never> {
  const answer = moment === "connection" ? withOtherCode(said, said.code < 500 ? 421 : 554) : said;
  return refuse(reason, answer, { close: answer.code === 421 });
}

/** qpsmtpd's text in place of the milter's own. */
function explained(said: Reply, moment: MilterMoment, { explainAs }: VerdictRules, text: string): Reply {
  if (explainAs === undefined) {
    return said;
  }
  const [name, why] = [explainAs === "" ? "" : `${explainAs} `, text.trim()];
  const enhanced = /^\d{3}[ -]([45]\.\d+\.\d+) /.exec(said.wire)?.[1] ?? (said.code < 500 ? "4.7.1" : "5.7.1");
  const words = `Rejected at ${milterMoments[moment]} by ${name}milter${why === "" ? "" : ` (${why})`}`;
  return reply(said.code, enhanced, words);
}
