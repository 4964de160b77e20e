/** From a check's verdict to what counts: its mode, and the settings that all refusals have in common. */
import { temporary, withText } from "../mail/reply-changes.ts";
import type { Reply } from "../mail/reply.ts";
import type { Log } from "../report/log.ts";
import { withQpsmtpdCode } from "./code-words.ts";
import type { HookName } from "./hook-names.ts";
import type { Outcome } from "./outcome.ts";
import type { Session } from "./session.ts";
import type { Step } from "./step.ts";
import { pass } from "./verdict.ts";
import type { Refusal, Verdict } from "./verdict.ts";

/** Where a refusal may wait for the next RCPT. Later hooks refuse at once. */
const early: ReadonlySet<HookName> = new Set<HookName>(["connection", "helo", "auth", "mail"]);

/**
 * Applies the mode and the common settings of a check to its verdict.
 * @param verdict any but pass
 * @param before what the hook came to so far: a check that does not decide leaves it as it was
 */
export function settle(
  step: Step,
  verdict: Exclude<Verdict, { kind: "pass" }>,
  before: Outcome,
  hook: HookName,
  session: Session,
  log: Log,
): Outcome {
  const reason = verdict.kind === "refuse" ? verdict.reason : undefined;
  if (step.mode === "observe") {
    log.info(step.label, "observed", { verdict: verdict.kind, reason, session: session.id });
    const finding = verdict.kind === "refuse" ? verdict.finding : undefined;
    return { verdict: pass, step, finding: finding ?? before.finding, observed: verdict };
  }
  if (step.mode === "score" && (verdict.kind === "refuse" || verdict.kind === "drop")) {
    session.suspicion.score(step, reason ?? verdict.kind, hook);
    const facts = { reason, points: step.points, sum: session.points, session: session.id };
    log.info(step.label, "scored", facts);
    return before;
  }
  if (verdict.kind === "refuse") {
    return settleRefusal(step, verdict, before, hook, session, log);
  }
  if (verdict.kind === "accept-session") {
    session.checksOff = true;
  }
  return { verdict, step, finding: undefined, observed: undefined };
}

function settleRefusal(
  step: Step,
  refusal: Refusal,
  before: Outcome,
  hook: HookName,
  session: Session,
  log: Log,
): Outcome {
  const { reason, finding } = refusal;
  const verdict = commonRefusal(step, refusal, hook);
  if (step.mode === "later" && early.has(hook)) {
    session.suspicion.wait({ step, verdict, hook });
    log.info(step.label, "will refuse later", { reason, session: session.id });
    return before;
  }
  return { verdict, step, finding, observed: undefined };
}

/** A refusal with the settings that all have; the refusal itself where they change nothing. */
function commonRefusal(step: Step, refusal: Refusal, hook: HookName): Refusal {
  const reply = commonReply(step, refusal.reply, hook);
  const { close = false } = refusal;
  const closes = step.close ?? close;
  return reply === refusal.reply && closes === close ? refusal : { ...refusal, reply, close: closes };
}

/** A reply with the check's settings `reply` and `permanent`, and with the server's numbers. */
function commonReply({ reply, permanent, qpsmtpdCodes }: Step, answer: Reply, hook: HookName): Reply {
  const said = reply === undefined || reply === "" ? answer : withText(answer, reply);
  const lasting = permanent === false ? temporary(said) : said;
  return qpsmtpdCodes === true ? withQpsmtpdCode(lasting, hook) : lasting;
}
