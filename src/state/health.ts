/** Whether a store, or a table that it may lose alone, answers: said in the log, and asked less while it does not. Times in ms. */
import { errorMessage } from "../report/error-message.ts";
import type { Log, LogFields } from "../report/log.ts";
import type { Unavailable } from "./table.ts";

/** What failed is not asked again for this time. */
const rest = 500;
/** Another reason is said after this time: first a connection broke, and then the password is wrong. */
const sayNext = 10_000;
/** Reasons that are said until it answers again. */
const mostReasons = 5;

export class Health {
  readonly #log: Log;
  readonly #fields: LogFields;
  #isAway = false;
  /** By performance.now(). */
  #restsUntil = 0;
  #saidAt = 0;
  readonly #said = new Set<string>();
  #why = "";

  /** @param fields of the log: what it is the health of */
  constructor(log: Log, fields: LogFields) {
    this.#log = log;
    this.#fields = fields;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  /** What to answer without asking; undefined: ask. */
  get resting(): Unavailable | undefined {
    return this.#isAway && performance.now() < this.#restsUntil ? { kind: "unavailable", why: this.#why } : undefined;
  }

  found(): void {
    if (this.#isAway) {
      this.#isAway = false;
      this.#said.clear();
      this.#log.info("state", "store answers again", this.#fields);
    }
  }

  lost(error: unknown): Unavailable {
    const why = errorMessage(error);
    const now = performance.now();
    if (!this.#isAway || (now - this.#saidAt >= sayNext && !this.#said.has(why) && this.#said.size < mostReasons)) {
      this.#log.warning("state", "store is unavailable, continuing without it", { ...this.#fields, why });
      this.#said.add(why);
      this.#saidAt = now;
    }
    this.#isAway = true;
    this.#restsUntil = now + rest;
    this.#why = why;
    return { kind: "unavailable", why };
  }
}
