/** What speaks against a client without having refused it: refusals of checks in mode later, points of checks in mode score. */
import type { HookName } from "./hook-names.ts";
import type { Step } from "./step.ts";
import type { Refusal } from "./verdict.ts";

/** A refusal that waits for the next RCPT. */
export interface Pending {
  readonly step: Step;
  readonly verdict: Refusal;
  readonly hook: HookName;
}

/** Of a session, or of a transaction. */
export class Suspicion {
  readonly #pending: Map<string, Pending>;
  readonly #points: Map<string, { readonly hook: HookName; readonly points: number }>;

  constructor(of?: Suspicion) {
    this.#pending = new Map(of?.pending.map((one) => [one.step.label, one]));
    this.#points = new Map(of === undefined ? [] : of.#points);
  }

  /** In the order in which they came; of one check the first. */
  get pending(): readonly Pending[] {
    return [...this.#pending.values()];
  }

  get points(): number {
    let sum = 0;
    for (const { points } of this.#points.values()) {
      sum += points;
    }
    return sum;
  }

  wait(pending: Pending): void {
    const { label } = pending.step;
    if (!this.#pending.has(label)) {
      this.#pending.set(label, pending);
    }
  }

  /** Adds a check's points; once for each of its reasons, so that many recipients are not many offences. */
  score({ label, points }: Step, reason: string, hook: HookName): void {
    const key = `${label} ${reason}`;
    if (!this.#points.has(key)) {
      this.#points.set(key, { hook, points });
    }
  }

  /** Forgets what was said at a hook: the client answers anew. */
  forget(hook: HookName): void {
    for (const held of [this.#pending, this.#points]) {
      for (const [key, { hook: at }] of held) {
        if (at === hook) {
          held.delete(key);
        }
      }
    }
  }
}
