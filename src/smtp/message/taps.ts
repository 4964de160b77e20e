/** The checks that listen to one message on its way. */
import type { Tap } from "../../hooks/message.ts";
import type { Step } from "../../hooks/step.ts";
import { pass } from "../../hooks/verdict.ts";
import type { Answer } from "../../hooks/verdict.ts";
import { Unstuffer } from "../../message/dots.ts";
import { within } from "../../wait/within.ts";

/** What a tap may hold the client back for a piece, in ms: RFC 5321 4.5.3.2.5 gives a block of data 3 minutes. */
const patience = 120_000;

/** What listens: a check's tap, or the reader of MIME parts. */
export interface BodyListener {
  take(content: Buffer): void | Promise<void> | undefined;
  abandon?(): void;
}

export class Taps {
  readonly #fault: (step: Step, error: unknown) => void;
  readonly #patience: number;
  readonly #unstuffer = new Unstuffer();
  readonly #open = new Map<BodyListener, Step | undefined>();
  readonly #taps = new Map<Step, Tap>();
  readonly #ends = new Map<Step, Answer | Error>();
  #waiting: Promise<void> | undefined;

  /** @param fault is called with a tap that failed @param time the longest that one may hold back, in ms */
  constructor(fault: (step: Step, error: unknown) => void, time: number) {
    this.#fault = fault;
    this.#patience = Math.min(patience, time);
  }

  /** Whether nobody listens. */
  get empty(): boolean {
    return this.#open.size === 0;
  }

  /** Begins to listen, before the first byte. */
  open(step: Step, tap: Tap): void {
    this.#taps.set(step, tap);
    this.#open.set(tap, step);
  }

  /** Listens too, for the checks. */
  listen(listener: BodyListener): void {
    this.#open.set(listener, undefined);
  }

  /** Takes wire bytes. False: wait for {@link drained}. */
  take(wire: Buffer): boolean {
    if (this.empty || wire.length === 0) {
      return true;
    }
    const content = this.#unstuffer.push(wire);
    const waits: Promise<void>[] = [];
    for (const [listener, step] of this.#open) {
      try {
        const wait = listener.take(content);
        if (wait instanceof Promise) {
          const taken = within(wait, this.#patience, `took no data for ${this.#patience} ms`);
          waits.push(taken.catch((error: unknown) => this.#drop(listener, step, error)));
        }
      } catch (error) {
        this.#drop(listener, step, error);
      }
    }
    if (waits.length === 0) {
      return this.#waiting === undefined;
    }
    const all = Promise.all([this.#waiting, ...waits]).then(() => {
      if (this.#waiting === all) {
        this.#waiting = undefined;
      }
    });
    this.#waiting = all;
    return false;
  }

  /** Resolves when all of them take more; rejects never. */
  async drained(): Promise<void> {
    await this.#waiting;
  }

  /** The final dot is there: all of them answer at the same time. */
  end(): void {
    for (const [step, tap] of this.#taps) {
      if (this.#open.delete(tap)) {
        this.#ends.set(step, endOf(tap));
      }
    }
  }

  /** What a check's tap said; pass if it had none. @throws what it threw */
  answerOf(step: Step): Answer {
    const answer = this.#ends.get(step) ?? pass;
    if (answer instanceof Error) {
      throw answer;
    }
    return answer;
  }

  /** The message is not going to be complete. */
  abandon(): void {
    for (const listener of this.#open.keys()) {
      quietly(() => listener.abandon?.());
    }
    this.#open.clear();
  }

  #drop(listener: BodyListener, step: Step | undefined, error: unknown): void {
    if (this.#open.delete(listener)) {
      quietly(() => listener.abandon?.());
      if (step !== undefined) {
        this.#fault(step, error);
      }
    }
  }
}

function endOf(tap: Tap): Answer | Error {
  try {
    const answer = tap.end();
    if (answer instanceof Promise) {
      // Its turn to be waited for may come later.
      answer.catch(() => undefined);
    }
    return answer;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // It knows that its output is no longer read.
  }
}
