/** Until when checks may answer. At the deadline their signal aborts; a second later whoever still waits goes on without them. */
import { Late } from "../../wait/within.ts";

/** What a check has to give its verdict on a failure, in ms. */
const grace = 1000;

export class Deadline {
  #controller: AbortController | undefined;
  #aborted = false;
  #passed: Late | undefined;
  readonly #waiting = new Set<(late: Late) => void>();
  #timer: NodeJS.Timeout | undefined;
  /** ms, and since when by performance.now(); undefined: does not count. */
  #counting: { readonly time: number; readonly since: number } | undefined;

  /** Made when the first check asks. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) {
      this.#controller.abort();
    }
    this.#arm();
    return this.#controller.signal;
  }

  /** Begins to count. There is a timer only if somebody waits, or has the signal: most checks answer at once. @param time ms */
  start(time: number): void {
    this.stop();
    this.#counting = { time, since: performance.now() };
    if (this.#controller !== undefined || this.#waiting.size > 0) {
      this.#arm();
    }
  }

  #arm(): void {
    if (this.#counting === undefined || this.#timer !== undefined) {
      return;
    }
    const { time, since } = this.#counting;
    const left = Math.max(0, since + time - performance.now());
    this.#timer = setTimeout(() => {
      this.abort();
      this.#timer = setTimeout(() => this.#pass(`no verdict in ${time} ms`), grace).unref();
    }, left).unref();
  }

  /** Counts no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#counting = undefined;
  }

  /** Asks checks to end: nobody wants to know any more. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  #pass(why: string): void {
    this.#passed = new Late(why);
    for (const reject of this.#waiting) {
      reject(this.#passed);
    }
    this.#waiting.clear();
  }

  /** What the promise says before the deadline. @throws Late after it; what the promise rejects with */
  async race<T>(promise: Promise<T>): Promise<T> {
    if (this.#passed !== undefined) {
      promise.catch(() => undefined);
      throw this.#passed;
    }
    const { promise: late, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    this.#arm();
    try {
      return await Promise.race([promise, late]);
    } finally {
      this.#waiting.delete(reject);
    }
  }
}

/** The client waits 10 minutes for the reply to its final dot (RFC 5321 4.5.3.2.6); half a minute is for the way. */
const clientPatience = 570_000;
/** Checks have this long however slow the next hop may be: at worst the client sends a message twice that it need not have. */
const least = 120_000;

/** What all checks of a message may take from its final dot on, in ms. @param answerTime what the next hop may take to answer */
export function timeForChecks(most: number, answerTime: number): number {
  return Math.min(most, Math.max(least, clientPatience - answerTime));
}
