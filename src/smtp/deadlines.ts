/** How long a session may keep us waiting, by the monotonic clock: for its next command, for a message, in all. */
import type { Limits } from "./service.ts";

export class Deadlines {
  readonly #startedAt = performance.now();
  #idleSince = Number.POSITIVE_INFINITY;

  /** It is the client's turn, from now on. */
  restart(): void {
    this.#idleSince = performance.now();
  }

  /** Whether the client's turn is over. @param bytes of the message that it is sending */
  turnIsOver(now: number, { idle, messageRate }: Limits, bytes: number): boolean {
    return now > this.#idleSince + idle + (bytes / messageRate) * 1000;
  }

  /** Whether the session has lasted too long. */
  sessionIsOver(now: number, { sessionTime }: Limits): boolean {
    return now - this.#startedAt > sessionTime;
  }
}
