/**
 * Asks the checks of a hook one after another until one decides. The one place where an error inside a check becomes
 * `pass`, where modes and exemptions count, and where a refusal gets its common settings. Synchronous as long as every
 * check is.
 */
import type { Counters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { stages } from "./check.ts";
import type { Conclusion, Denial, Stage } from "./check.ts";
import { isExempt } from "./exemption.ts";
import { hookNames } from "./hook-names.ts";
import type { CommandHook, HookName, MessageHook } from "./hook-names.ts";
import { settle } from "./settle.ts";
import type { Outcome } from "./outcome.ts";
import { undecided } from "./outcome.ts";
import type { Session } from "./session.ts";
import type { Step } from "./step.ts";
import { pass } from "./verdict.ts";
import type { Answer, Verdict } from "./verdict.ts";

/**
 * The stages that the server asks on their own; elsewhere all checks of a hook are asked in one go, in the order of
 * stages.
 */
const apart: Partial<Readonly<Record<HookName, readonly Stage[]>>> = {
  mail: ["sender", "last"],
  rcpt: ["note", "sender", "recipient", "last"],
  data: ["note"],
};
/** How a check is asked at the hooks of a message. */
export type Ask = (step: Step) => Answer;

const nobody: readonly Step[] = [];

/** The steps of every hook, by stage. */
type Table = Readonly<Record<HookName, Readonly<Record<Stage, readonly Step[]>>>>;

export class Pipeline {
  readonly #table: Table;
  /** The checks that need more of a message than its header. */
  readonly #demanding: readonly Step[];
  readonly #log: Log;
  readonly #counters: Counters;

  /** @param steps the checks in configured order; at each hook each runs in its stage, whatever its place */
  constructor(steps: readonly Step[], log: Log, counters: Counters) {
    const staged = (hook: HookName): Record<Stage, readonly Step[]> => {
      const here = steps.filter(({ check }) => check.hooks.includes(hook));
      const isApart = (stage: Stage): boolean => apart[hook]?.includes(stage) === true;
      const stageOf = (step: Step): Stage =>
        step.check.stage === "last" && !isApart("last") ? "policy" : step.check.stage;
      const of = (stage: Stage): Step[] => here.filter((step) => stageOf(step) === stage);
      const together = stages.filter((stage) => !isApart(stage)).flatMap(of);
      return Object.fromEntries(
        stages.map((stage) => [stage, isApart(stage) ? of(stage) : stage === "policy" ? together : []]),
      ) as Record<Stage, Step[]>;
    };
    this.#table = Object.fromEntries(hookNames.map((hook) => [hook, staged(hook)])) as Table;
    this.#demanding = steps.filter(
      ({ check, need }) => need !== "header" && (check.hooks.includes("header") || check.hooks.includes("message")),
    );
    this.#log = log;
    this.#counters = counters;
  }

  /** Runs one stage of a hook. After `accept-session` only note-takers and the bad-sender verdict run, as in qmail. */
  run(hook: CommandHook, session: Session, stage: Stage): Outcome | Promise<Outcome>;
  run(hook: MessageHook, session: Session, stage: Stage, ask: Ask): Outcome | Promise<Outcome>;
  run(hook: HookName, session: Session, stage: Stage, ask?: Ask): Outcome | Promise<Outcome> {
    const steps = this.#table[hook][stage];
    if (steps.length === 0) {
      return undecided;
    }
    return this.#from(steps, 0, undecided, hook, session, ask);
  }

  /** The checks that need more of a message of this session than its header. */
  demanding(session: Session): readonly Step[] {
    if (this.#demanding.length === 0) {
      return nobody;
    }
    return this.#demanding.filter(
      (step) => !isOff(step, session) && !isExempt(session, step.unless, "message") && this.#wants(step, session),
    );
  }

  #wants(step: Step, session: Session): boolean {
    try {
      return step.run.wants?.(session) ?? true;
    } catch (error) {
      this.fault(step, "data", session, error);
      return false;
    }
  }

  /** Counts a refusal and runs the hook `denied`. @returns what to wait for before the reply */
  refused(step: Step, reason: string, hook: HookName, session: Session): Promise<void> | undefined {
    this.#counters.add("refusals", step.labels(reason));
    return this.denied(session, { check: step.label, reason, hook });
  }

  /** Runs the hook `denied` for a refusal; undefined if nothing is to be waited for. */
  denied(session: Session, denial: Denial): Promise<void> | undefined {
    // A check need not be told of its own refusals.
    const tell = ({ label, run }: Step): void | Promise<void> =>
      label === denial.check ? undefined : run.denied?.(session, denial);
    return this.#notifyAll(this.#table.denied.policy, "denied", session, tell);
  }

  /** Runs the hook `unrecognised` for an unknown command; undefined if nothing is to be waited for. */
  unrecognised(session: Session, line: string): Promise<void> | undefined {
    const all = this.#table.unrecognised.policy;
    return this.#notifyAll(all, "unrecognised", session, ({ run }) => run.unrecognised?.(session, line));
  }

  /** Runs the hook `concluded` at the end of the transaction. */
  concluded(session: Session, conclusion: Conclusion): void {
    for (const step of this.#table.concluded.policy) {
      void this.#notify(step, "concluded", session, () => step.run.concluded?.(session, conclusion));
    }
  }

  /** Runs the hook `end` at the end of the session. */
  end(session: Session): void {
    for (const step of this.#table.end.policy) {
      void this.#notify(step, "end", session, () => step.run.end?.(session));
    }
  }

  #notifyAll(
    steps: readonly Step[],
    hook: HookName,
    session: Session,
    tell: (step: Step) => void | Promise<void>,
  ): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (const step of steps) {
      const wait = this.#notify(step, hook, session, () => tell(step));
      // A check that only observes delays nobody.
      if (wait !== undefined && step.mode !== "observe") {
        waits.push(wait);
      }
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  #notify(step: Step, hook: HookName, session: Session, tell: () => void | Promise<void>): Promise<void> | undefined {
    // What a check began for a client it must be able to end, whatever the client became meanwhile.
    if (hook !== "end" && hook !== "concluded" && isExempt(session, step.unless, hook)) {
      return undefined;
    }
    session.observing = step.mode === "observe";
    try {
      const wait = tell();
      return wait instanceof Promise
        ? wait.catch((error: unknown) => void this.fault(step, hook, session, error))
        : undefined;
    } catch (error) {
      this.fault(step, hook, session, error);
      return undefined;
    }
  }

  #from(
    steps: readonly Step[],
    first: number,
    before: Outcome,
    hook: HookName,
    session: Session,
    ask: Ask | undefined,
  ): Outcome | Promise<Outcome> {
    let last = before;
    for (let i = first; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) {
        break;
      }
      if (isOff(step, session) || (step.unless.length > 0 && isExempt(session, step.unless, hook))) {
        continue;
      }
      const answer = this.#ask(step, hook, session, ask);
      const settled =
        answer instanceof Promise
          ? answer.then((verdict) => this.#settle(step, verdict, last, hook, session))
          : this.#settle(step, answer, last, hook, session);
      if (settled instanceof Promise) {
        return settled.then((outcome) =>
          outcome.verdict.kind === "pass" ? this.#from(steps, i + 1, outcome, hook, session, ask) : outcome,
        );
      }
      last = settled;
      if (last.verdict.kind !== "pass") {
        return last;
      }
    }
    return last;
  }

  #ask(step: Step, hook: HookName, session: Session, ask: Ask | undefined): Answer {
    // Checks of a session are asked one after another.
    session.observing = step.mode === "observe";
    try {
      const answer = ask === undefined ? answerOf(step, hook, session) : ask(step);
      return answer instanceof Promise
        ? answer.catch((error: unknown) => this.fault(step, hook, session, error))
        : answer;
    } catch (error) {
      return this.fault(step, hook, session, error);
    }
  }

  /** An error inside a check: logged, counted, and taken as pass. */
  fault(step: Step, hook: HookName, session: Session, error: unknown): Verdict {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error(step.label, "internal error, check skipped", { hook, session: session.id, why });
    this.#counters.add("check_faults", { check: step.label });
    return pass;
  }

  #settle(step: Step, verdict: Verdict, before: Outcome, hook: HookName, session: Session): Outcome | Promise<Outcome> {
    if (verdict.kind === "pass") {
      // What an observed check would have said stays on the record.
      return verdict.finding === undefined || before.observed !== undefined
        ? before
        : { verdict, step, finding: verdict.finding, observed: undefined };
    }
    if (hook === "rcpt" && step.check.stage === "note" && step.mode !== "score") {
      // It takes notes here and decides nothing; the next note-taker sees this recipient too.
      return before;
    }
    const outcome = settle(step, verdict, before, hook, session, this.#log);
    if (outcome.verdict.kind !== "refuse") {
      return outcome;
    }
    const wait = this.refused(step, outcome.verdict.reason, hook, session);
    return wait === undefined ? outcome : wait.then(() => outcome);
  }
}

/**
 * After `accept-session` only note-takers and the bad-sender verdict run; after a whitelist of all, those and checks of
 * recipients.
 */
function isOff({ check: { stage } }: Step, { checksOff, policyOff }: Session): boolean {
  const isPolicy = stage === "policy" || stage === "last";
  return (checksOff && (isPolicy || stage === "recipient")) || (policyOff && isPolicy);
}

function answerOf({ run }: Step, hook: HookName, session: Session): Answer {
  switch (hook) {
    case "connection":
    case "helo":
    case "auth":
    case "mail":
    case "rcpt":
    case "data":
      return run[hook]?.(session) ?? pass;
    case "header":
    case "message":
    case "denied":
    case "unrecognised":
    case "concluded":
    case "end":
      // These run in another way.
      return pass;
  }
}
