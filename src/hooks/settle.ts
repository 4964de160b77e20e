/** From a check's verdict to what counts: its mode, and the settings that all refusals have in common. */
import { temporary, withText } from "../mail/reply-changes.ts";
import type { Reply } from "../mail/reply.ts";
import type { Log } from "../report/log.ts";
import type { HookName } from "./hook-names.ts";
import type { Outcome } from "./outcome.ts";
import type { Session } from "./session.ts";
import type { Step } from "./step.ts";
import { pass } from "./verdict.ts";
import type { Refusal, Verdict } from "./verdict.ts";

/** Where a refusal may wait for the next RCPT. Later hooks refuse at once. */
const early: ReadonlySet<HookName> = new Set(["connection", "helo", "auth", "mail"]);

/** See the file's first line. @param verdict any but pass */
export function settle(step: Step, verdict: Verdict, hook: HookName, session: Session, log: Log): Outcome {
  if (step.mode === "observe") {
    const reason = verdict.kind === "refuse" ? verdict.reason : undefined;
    log.info(step.label, "observed", { verdict: verdict.kind, reason, session: session.id });
    const finding = verdict.kind === "refuse" ? verdict.finding : undefined;
    return { verdict: pass, step, finding, observed: verdict };
  }
  if (verdict.kind === "refuse") {
    return settleRefusal(step, verdict, hook, session, log);
  }
  if (verdict.kind === "accept-session") {
    session.checksOff = true;
  }
  return { verdict, step, finding: undefined, observed: undefined };
}

function settleRefusal(step: Step, refusal: Refusal, hook: HookName, session: Session, log: Log): Outcome {
  const { reason, finding } = refusal;
  const passed: Outcome = { verdict: pass, step, finding: undefined, observed: undefined };
  if (step.mode === "score") {
    addPoints(session, step.points);
    log.info(step.label, "scored", { reason, points: step.points, sum: session.points, session: session.id });
    return passed;
  }
  const verdict = { ...refusal, reply: commonReply(step, refusal.reply), close: step.close ?? refusal.close ?? false };
  if (step.mode === "later" && early.has(hook)) {
    const pending = { check: step.label, verdict, reason: step.check.reasons[reason] ?? reason };
    if (session.transaction === undefined) {
      session.pending ??= pending;
    } else {
      session.transaction.pending ??= pending;
    }
    log.info(step.label, "refuses later", { reason, session: session.id });
    return passed;
  }
  return { verdict, step, finding, observed: undefined };
}

function addPoints(session: Session, points: number): void {
  if (session.transaction === undefined) {
    session.sessionPoints += points;
  } else {
    session.transaction.points += points;
  }
}

/** A reply with the check's settings `reply` and `permanent`. */
function commonReply({ reply, permanent }: Step, answer: Reply): Reply {
  const said = reply === undefined || reply === "" ? answer : withText(answer, reply);
  return permanent === false ? temporary(said) : said;
}
