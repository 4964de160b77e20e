/** Answers of a connection that wait to be taken. */
import type { Answer } from "./answer-reader.ts";
import { FoundEntry } from "./found-entry.ts";

/** Answers; beyond that the socket rests, so that a quick server cannot fill the memory. */
const limit = 512;

/**
 * Octets of entries that are handed over together while more are to come. A server sends entries one by one, and to hand
 * one over costs several times what its conversion does.
 */
const portion = 32 * 1024;

/** Of one connection. */
export class Inbox {
  #answers: Answer[] = [];
  #octets = 0;
  #portion = 0;

  /** From now on there are answers to a search, or to anything else. */
  expect(kind: "entries" | "answer"): void {
    this.#portion = kind === "entries" ? portion : 0;
  }

  /** So many octets came; the answers in them follow. */
  receive(octets: number): void {
    this.#octets += octets;
  }

  push(answer: Answer): void {
    this.#answers.push(answer);
  }

  get length(): number {
    return this.#answers.length;
  }

  /** Whether there are more than should be. */
  get isFull(): boolean {
    return this.#answers.length > limit;
  }

  /** Whether it is time to take what is there: with the last word of a search, at once. */
  get isReady(): boolean {
    const latest = this.#answers.at(-1);
    return latest !== undefined && (!(latest instanceof FoundEntry) || this.#octets >= this.#portion || this.isFull);
  }

  /** All that is there. */
  take(): Answer[] {
    const answers = this.#answers;
    this.#answers = [];
    this.#octets = 0;
    return answers;
  }
}
