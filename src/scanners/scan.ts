/** One message at a scanner: its size limit, its time limits, and what the breaker learns of it. */
import type { Answered, NoAnswer, Scan, ScanLimits, TransportScan } from "../hooks/scanner.ts";
import { errorMessage } from "../report/error-message.ts";
import { unlessAborted, within } from "../wait/within.ts";
import type { Breaker } from "./breaker.ts";

/** The scanner answered, and could not scan this message: nothing is wrong with its service. */
export class CannotScan extends Error {}

export class GuardedScan<Answer extends Answered> implements Scan<Answer> {
  readonly #limits: ScanLimits;
  readonly #breaker: Breaker;
  readonly #inner: TransportScan<Answer>;
  #bytes = 0;
  /** It is over before the message is. */
  #over: NoAnswer | undefined;
  #settled = false;

  /** @param breaker has admitted this question */
  constructor(inner: TransportScan<Answer>, limits: ScanLimits, breaker: Breaker) {
    this.#inner = inner;
    this.#limits = limits;
    this.#breaker = breaker;
  }

  take(content: Buffer): void | Promise<void> {
    if (this.#over !== undefined) {
      return undefined;
    }
    this.#bytes += content.length;
    if (this.#bytes > this.#limits.maxSize) {
      this.#over = { kind: "skipped", why: `larger than ${this.#limits.maxSize} bytes` };
      this.#settle(() => this.#breaker.withdrew());
      this.#inner.abandon();
      return undefined;
    }
    try {
      const wait = this.#inner.take(content);
      return wait instanceof Promise ? this.#wait(wait) : undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async end(signal: AbortSignal): Promise<Answer | NoAnswer> {
    if (this.#over !== undefined) {
      return this.#over;
    }
    const unwanted = "nobody waits for its answer any more";
    try {
      const answer = await this.#within("no answer", unlessAborted(this.#inner.end(), signal, unwanted));
      this.#settle(() => this.#breaker.succeeded());
      return answer;
    } catch (error) {
      return this.#fail(signal.aborted ? new CannotScan(unwanted) : error);
    }
  }

  abandon(): void {
    this.#over ??= { kind: "skipped", why: "the message did not become complete" };
    this.#settle(() => this.#breaker.withdrew());
    this.#inner.abandon();
  }

  async #wait(wait: Promise<void>): Promise<void> {
    try {
      await this.#within("took no data", wait);
    } catch (error) {
      this.#fail(error);
    }
  }

  #within<T>(what: string, promise: Promise<T>): Promise<T> {
    const { timeout } = this.#limits;
    return within(promise, timeout, `${what} for ${timeout} ms`);
  }

  #fail(error: unknown): NoAnswer {
    this.#over ??= { kind: "unavailable", why: errorMessage(error) };
    this.#settle(() => (error instanceof CannotScan ? this.#breaker.withdrew() : this.#breaker.failed()));
    this.#inner.abandon();
    return this.#over;
  }

  /** The breaker hears of each question once. */
  #settle(tell: () => void): void {
    if (!this.#settled) {
      this.#settled = true;
      tell();
    }
  }
}
