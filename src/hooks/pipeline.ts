/**
 * Asks the checks of a hook one after another until one decides. The one place where an error inside a check becomes
 * `pass`, where modes and exemptions count, and where a refusal gets its common settings. Synchronous as long as every
 * check is.
 */
import type { Counters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import type { Conclusion, Denial, Stage } from "./check.ts";
import type { CommandHook, HookName, MessageHook } from "./hook-names.ts";
import { settle } from "./settle.ts";
import type { Outcome } from "./outcome.ts";
import { outcomeAfter, undecided } from "./outcome.ts";
import { planHooks, planStage, standingFor } from "./plan.ts";
import type { Asked, Plan, Plans } from "./plan.ts";
import type { Session } from "./session.ts";
import type { Step } from "./step.ts";
import { pass } from "./verdict.ts";
import type { Answer, Verdict } from "./verdict.ts";

/** How a check is asked at the hooks of a message. */
export type Ask = (step: Step) => Answer;

const nobody: readonly Step[] = [];

function stageOf(plans: Plans["rcpt"], stage: Stage): Plan {
  switch (stage) {
    case "note":
      return plans.note;
    case "sender":
      return plans.sender;
    case "policy":
      return plans.policy;
    case "recipient":
      return plans.recipient;
    case "last":
      return plans.last;
  }
}

/** What is there at once is used at once, without a closure: this is on the way of each command. */
export class Pipeline {
  readonly #plans: Plans;
  /** The checks that need more of a message than its header. */
  readonly #demanding: Plan;
  /** The checks that say something of a recipient before it is judged. */
  readonly #introducing: Plan;
  readonly #log: Log;
  readonly #counters: Counters;

  /** @param steps the checks in configured order; at each hook each runs in its stage, whatever its place */
  constructor(steps: readonly Step[], log: Log, counters: Counters) {
    this.#plans = planHooks(steps);
    const demanding = steps.filter(
      ({ check, need }) => need !== "header" && (check.hooks.includes("header") || check.hooks.includes("message")),
    );
    this.#demanding = planStage(demanding, "message");
    this.#introducing = planStage(
      steps.filter(({ run }) => run.introduce !== undefined),
      "rcpt",
    );
    this.#log = log;
    this.#counters = counters;
  }

  /** Runs one stage of a hook. After `accept-session` only note-takers and the bad-sender verdict run, as in qmail. */
  run(hook: CommandHook, session: Session, stage: Stage): Outcome | Promise<Outcome>;
  run(hook: MessageHook, session: Session, stage: Stage, ask: Ask): Outcome | Promise<Outcome>;
  run(hook: HookName, session: Session, stage: Stage, ask?: Ask): Outcome | Promise<Outcome> {
    // The way of most commands: with names that are written out, both look-ups are gone from the compiled code.
    const plan = hook === "rcpt" ? stageOf(this.#plans.rcpt, stage) : this.#plans[hook][stage];
    return plan.all.length === 0 ? undecided : this.#from(plan, 0, undecided, hook, session, ask);
  }

  /** Lets the checks say what they know of a recipient, before any is asked about it. */
  introduce(session: Session): void {
    for (const { step, mask, observes } of this.#introducing.all) {
      if ((mask & standingFor(this.#introducing, session, "rcpt")) === 0) {
        session.observing = observes;
        try {
          step.run.introduce?.(session);
        } catch (error) {
          this.fault(step, "rcpt", session, error);
        }
      }
    }
  }

  /** The checks that need more of a message of this session than its header. */
  demanding(session: Session): readonly Step[] {
    if (this.#demanding.all.length === 0) {
      return nobody;
    }
    const standing = standingFor(this.#demanding, session, "message");
    return this.#demanding.all.flatMap(({ step, mask }) =>
      (mask & standing) === 0 && this.#wants(step, session) ? [step] : [],
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
    const listens = this.#plans.denied.policy.all.length > 0;
    return listens ? this.denied(session, { check: step.label, reason, hook }) : undefined;
  }

  /** Runs the hook `denied` for a refusal; undefined if nothing is to be waited for. */
  denied(session: Session, denial: Denial): Promise<void> | undefined {
    // A check does not hear its own refusals.
    return this.#notify("denied", session, ({ label, run }) =>
      label === denial.check ? undefined : run.denied?.(session, denial),
    );
  }

  /** Runs the hook `unrecognised` for an unknown command; undefined if nothing is to be waited for. */
  unrecognised(session: Session, line: string): Promise<void> | undefined {
    return this.#notify("unrecognised", session, ({ run }) => run.unrecognised?.(session, line));
  }

  /** Runs the hook `concluded` at the end of the transaction. */
  concluded(session: Session, conclusion: Conclusion): void {
    void this.#notify("concluded", session, ({ run }) => run.concluded?.(session, conclusion));
  }

  /** Runs the hook `end` at the end of the session. */
  end(session: Session): void {
    void this.#notify("end", session, ({ run }) => run.end?.(session));
  }

  /** Tells all checks of a hook. @returns what a reply waits for; undefined: nothing */
  #notify(hook: HookName, session: Session, tell: (step: Step) => void | Promise<void>): Promise<void> | undefined {
    const plan = this.#plans[hook].policy;
    let waits: Promise<void>[] | undefined;
    for (const { step, mask, observes } of plan.all) {
      if ((mask & standingFor(plan, session, hook)) !== 0) {
        continue;
      }
      session.observing = observes;
      try {
        const wait = tell(step);
        if (wait instanceof Promise) {
          const caught = wait.catch((error: unknown) => void this.fault(step, hook, session, error));
          // A check that only observes delays nobody.
          if (!observes) {
            (waits ??= []).push(caught);
          }
        }
      } catch (error) {
        this.fault(step, hook, session, error);
      }
    }
    return waits === undefined ? undefined : Promise.all(waits).then(() => undefined);
  }

  #from(
    plan: Plan,
    first: number,
    before: Outcome,
    hook: HookName,
    session: Session,
    ask: Ask | undefined,
  ): Outcome | Promise<Outcome> {
    const { all } = plan;
    let last = before;
    let { effects } = session;
    let standing = standingFor(plan, session, hook);
    for (let i = first; i < all.length; i++) {
      const asked = all[i];
      if (session.effects !== effects) {
        // The check before may have changed whom the others leave alone.
        ({ effects } = session);
        standing = standingFor(plan, session, hook);
      }
      if (asked === undefined || (asked.mask & standing) !== 0) {
        continue;
      }
      const answer = this.#ask(asked, hook, session, ask);
      if (answer === pass) {
        continue;
      }
      if (answer instanceof Promise) {
        return this.#fromLater(plan, i, { step: asked.step, answer }, last, hook, session, ask);
      }
      const settled = this.#settle(asked.step, answer, last, hook, session);
      // Only a refusal is waited for.
      if (settled instanceof Promise || settled.verdict.kind !== "pass") {
        return settled;
      }
      last = settled;
    }
    return last;
  }

  async #fromLater(
    plan: Plan,
    at: number,
    { step, answer }: { readonly step: Step; readonly answer: Promise<Verdict> },
    before: Outcome,
    hook: HookName,
    session: Session,
    ask: Ask | undefined,
  ): Promise<Outcome> {
    const outcome = await this.#settle(step, await answer, before, hook, session);
    return outcome.verdict.kind === "pass" ? this.#from(plan, at + 1, outcome, hook, session, ask) : outcome;
  }

  #ask({ step, ask: own, observes }: Asked, hook: HookName, session: Session, ask: Ask | undefined): Answer {
    // Checks of a session are asked one after another.
    session.observing = observes;
    try {
      const answer = ask === undefined ? (own?.(session) ?? pass) : ask(step);
      return answer instanceof Promise ? this.#awaited(answer, step, hook, session) : answer;
    } catch (error) {
      return this.fault(step, hook, session, error);
    }
  }

  /** Times an answer that has to be waited for. */
  async #awaited(answer: Promise<Verdict>, step: Step, hook: HookName, session: Session): Promise<Verdict> {
    const began = performance.now();
    try {
      return await answer;
    } catch (error) {
      return this.fault(step, hook, session, error);
    } finally {
      const ms = performance.now() - began;
      this.#counters.observe("check_seconds", ms / 1000, step.timed);
      const { id, ref } = session;
      const name = `check ${step.label}`;
      this.#counters.tracer?.note({ kind: "check", name, session: id, ref, ms, facts: { check: step.label, hook } });
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
    return wait === undefined ? outcome : outcomeAfter(wait, outcome);
  }
}
