/** What the log hears of a snapshot that cannot be used: at once, and then every ten minutes. */
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import type { Flawed } from "./inspect.ts";

/** Between two complaints about the same thing, in ms. */
const repeatAfter = 600_000;
/** How long a lookup that threw is shown in the state, in ms. */
const alarmAfterFailure = 60_000;

/** Complains about one snapshot. */
export class Complaints {
  readonly #path: string;
  readonly #log: Log;
  readonly #now: () => number;
  #saidAt = 0;
  /** When a lookup threw, and when that was logged. */
  #failedAt = Number.NEGATIVE_INFINITY;
  #saidFailureAt = Number.NEGATIVE_INFINITY;

  /** @param now ms since 1970 */
  constructor(path: string, log: Log, now: () => number) {
    this.#path = path;
    this.#log = log;
    this.#now = now;
  }

  /** A lookup threw in the last minute. */
  get isFailing(): boolean {
    return this.#now() - this.#failedAt < alarmAfterFailure;
  }

  /** A lookup threw. */
  fail(error: unknown): void {
    const now = this.#now();
    this.#failedAt = now;
    if (now - this.#saidFailureAt >= repeatAfter) {
      this.#saidFailureAt = now;
      const detail = errorMessage(error);
      this.#log.error("snapshot", "lookup failed, accepting its recipient", { path: this.#path, detail });
    }
  }

  /** Says it once more if that is long ago. @param isServing whether there is another list to serve from */
  repeat(flaw: Flawed | undefined, isServing: boolean): void {
    if (flaw !== undefined && this.#now() - this.#saidAt >= repeatAfter) {
      this.say(flaw, isServing);
    }
  }

  /** Says it. @param isServing as for `repeat` */
  say({ why, detail }: Flawed, isServing: boolean): void {
    this.#saidAt = this.#now();
    const fields = { path: this.#path, why, detail };
    if (isServing) {
      this.#log.error("snapshot", "invalid file, still serving the previous snapshot", fields);
    } else {
      this.#log.error("snapshot", "unavailable, accepting every recipient of the relay domains", fields);
    }
  }
}
