/**
 * Asks the checks of a hook one after another until one decides. The one place where a fault inside a check
 * becomes `pass`. Synchronous as long as every check is.
 */
import type { Counters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { pass } from "./check.ts";
import type { Answer, CheckRun, HookName, MessageFacts, Reason, Stage, Verdict } from "./check.ts";
import type { Session } from "./session.ts";

/** A check with the mode that the configuration gives it. */
export interface Step {
  readonly name: string;
  readonly stage: Stage;
  readonly mode: "enforce" | "observe";
  readonly run: CheckRun;
}

/** What a hook came to. */
export interface Outcome {
  readonly verdict: Verdict;
  /** The check that decided, or that last had something to note; "" for none. */
  readonly check: string;
  /** What the log line says, where a passing check noted something. */
  readonly note: string;
  /** Why a check that only observes would have refused. */
  readonly observed?: Reason | undefined;
}

const undecided: Outcome = { verdict: pass, check: "", note: "" };

export class Pipeline {
  readonly #steps: Readonly<Record<HookName, Readonly<Record<Stage, readonly Step[]>>>>;
  readonly #log: Log;
  readonly #counters: Counters;

  /** @param steps the checks of each hook in configured order; each runs in its stage, whatever its place */
  constructor(steps: Readonly<Record<HookName, readonly Step[]>>, log: Log, counters: Counters) {
    const staged = (list: readonly Step[]): Record<Stage, readonly Step[]> => ({
      note: list.filter(({ stage }) => stage === "note"),
      sender: list.filter(({ stage }) => stage === "sender"),
      policy: list.filter(({ stage }) => stage === "policy"),
      recipient: list.filter(({ stage }) => stage === "recipient"),
    });
    this.#steps = {
      connection: staged(steps.connection),
      helo: staged(steps.helo),
      mail: staged(steps.mail),
      rcpt: staged(steps.rcpt),
      data: staged(steps.data),
      auth: staged(steps.auth),
      message: staged(steps.message),
    };
    this.#log = log;
    this.#counters = counters;
  }

  /** Runs one stage of a hook. After `accept-session` only note-takers and the bad-sender verdict run, as in qmail. */
  run(hook: HookName, session: Session, stage: Stage, message?: MessageFacts): Outcome | Promise<Outcome> {
    const steps = this.#steps[hook][stage];
    if (steps.length === 0 || (session.checksOff && (stage === "policy" || stage === "recipient"))) {
      return undecided;
    }
    return this.#from(steps, 0, undecided, hook, session, message);
  }

  #from(
    steps: readonly Step[],
    first: number,
    before: Outcome,
    hook: HookName,
    session: Session,
    message: MessageFacts | undefined,
  ): Outcome | Promise<Outcome> {
    let last = before;
    for (let i = first; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) {
        break;
      }
      const answer = this.#ask(step, hook, session, message);
      if (answer instanceof Promise) {
        return answer.then((verdict) => {
          const outcome = this.#settle(step, verdict, last, session);
          return outcome.verdict.kind === "pass" ? this.#from(steps, i + 1, outcome, hook, session, message) : outcome;
        });
      }
      last = this.#settle(step, answer, last, session);
      if (last.verdict.kind !== "pass") {
        return last;
      }
    }
    return last;
  }

  #ask(step: Step, hook: HookName, session: Session, message: MessageFacts | undefined): Answer {
    try {
      const answer =
        hook === "message"
          ? message === undefined
            ? pass
            : (step.run.message?.(session, message) ?? pass)
          : (step.run[hook]?.(session) ?? pass);
      return answer instanceof Promise
        ? answer.catch((error: unknown) => this.#fault(step, hook, session, error))
        : answer;
    } catch (error) {
      return this.#fault(step, hook, session, error);
    }
  }

  #fault(step: Step, hook: HookName, session: Session, error: unknown): Verdict {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error(step.name, "fault taken as pass", { hook, session: session.id, why });
    this.#counters.add("check_faults", { check: step.name });
    return pass;
  }

  #settle(step: Step, verdict: Verdict, before: Outcome, session: Session): Outcome {
    if (verdict.kind === "pass") {
      return verdict.note === undefined ? before : { verdict, check: step.name, note: verdict.note };
    }
    if (step.mode === "observe") {
      const reason = verdict.kind === "refuse" ? verdict.reason : undefined;
      this.#log.info(step.name, "observed", { verdict: verdict.kind, reason, session: session.id });
      return {
        verdict: pass,
        check: step.name,
        note: `${verdict.kind === "refuse" ? (verdict.note ?? "not found") : verdict.kind} (observe)`,
        observed: reason,
      };
    }
    if (verdict.kind === "accept-session") {
      session.checksOff = true;
    }
    return { verdict, check: step.name, note: "" };
  }
}
