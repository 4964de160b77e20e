/** How long a session may keep us waiting, by the monotonic clock: for its next command, for a message, in all. */
import type { Limits } from "./service.ts";

/** Octets a second that a message must bring beyond the idle time, as Postfix's smtpd_min_data_rate. */
const minimumRate = 500;

export class Deadlines {
  readonly #startedAt = performance.now();
  #idleSince = Number.POSITIVE_INFINITY;

  /** It is the client's turn, from now on. */
  restart(): void {
    this.#idleSince = performance.now();
  }

  /** Whether the client's turn is over. @param bytes of the message that it is sending */
  turnIsOver(now: number, { idle }: Limits, bytes: number): boolean {
    return now > this.#idleSince + idle + (bytes / minimumRate) * 1000;
  }

  /** Whether the session has lasted too long. */
  sessionIsOver(now: number, { sessionTime }: Limits): boolean {
    return now - this.#startedAt > sessionTime;
  }
}
