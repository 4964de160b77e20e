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

/** Points for one reason of a check. */
interface Points {
  readonly hook: HookName;
  readonly points: number;
}

const none: readonly Pending[] = [];

/** Of a session, or of a transaction. Most clients are never suspected: the tables are made at the first suspicion. */
export class Suspicion {
  #pending: Map<string, Pending> | undefined;
  #points: Map<string, Points> | undefined;

  constructor(of?: Suspicion) {
    if (of !== undefined) {
      this.#pending = of.#pending && new Map(of.#pending);
      this.#points = of.#points && new Map(of.#points);
    }
  }

  /** In the order in which they came; of one check the first. */
  get pending(): readonly Pending[] {
    return this.#pending === undefined ? none : [...this.#pending.values()];
  }

  get points(): number {
    let sum = 0;
    if (this.#points === undefined) {
      return sum;
    }
    for (const { points } of this.#points.values()) {
      sum += points;
    }
    return sum;
  }

  wait(pending: Pending): void {
    const { label } = pending.step;
    this.#pending ??= new Map();
    if (!this.#pending.has(label)) {
      this.#pending.set(label, pending);
    }
  }

  /** Adds a check's points; once for each of its reasons, so that many recipients are not many offences. */
  score({ label, points }: Step, reason: string, hook: HookName): void {
    const key = `${label} ${reason}`;
    this.#points ??= new Map();
    if (!this.#points.has(key)) {
      this.#points.set(key, { hook, points });
    }
  }

  /** Forgets what was said at a hook: the client answers again. */
  forget(hook: HookName): void {
    forgetIn(this.#pending, hook);
    forgetIn(this.#points, hook);
  }
}

function forgetIn(table: Map<string, { readonly hook: HookName }> | undefined, hook: HookName): void {
  for (const [key, { hook: at }] of table ?? []) {
    if (at === hook) {
      table?.delete(key);
    }
  }
}
