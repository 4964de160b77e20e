/**
 * How long a session may keep the relay waiting, by the monotonic clock: for its next command, for a message, in all.
 */
// As in src/hooks/session.ts.
import { performance } from "node:perf_hooks";

import { timeOfTurn } from "../../mail/end-of-turn.ts";
import type { Limits } from "../service.ts";

export class Deadlines {
  readonly #startedAt = performance.now();
  #clientsSince = Number.POSITIVE_INFINITY;
  #message: object | undefined;
  #turn: "client" | "ours" | "uncut" = "client";

  /**
   * It is the client's turn, from now on.
   * @param message that it is sending: its time is counted from its beginning, whatever its chunks (BDAT)
   */
  restart(message?: object): void {
    this.#turn = "client";
    if (message === undefined || message !== this.#message) {
      this.#clientsSince = timeOfTurn();
    }
    this.#message = message;
  }

  /** It is the server's turn. @param how "uncut": nothing may end the session before the answer */
  stop(how: "ours" | "uncut" = "ours"): void {
    this.#turn = how;
  }

  /** Whether an answer is in progress. */
  get stopped(): boolean {
    return this.#turn !== "client";
  }

  /**
   * Which limit is passed, if any. @param bytes of the message that the client is sending @param limited a conversation
   * with an end of its own
   */
  passed(
    now: number,
    { idle, sessionTime, messageRate }: Limits,
    bytes: number,
    limited: { isOver(now: number): boolean } | undefined,
  ): "idle timeout" | "session time" | undefined {
    if (this.#turn === "client" && now > this.#clientsSince + idle + (bytes / messageRate) * 1000) {
      return "idle timeout";
    }
    const isOver = now > this.#startedAt + sessionTime || limited?.isOver(now) === true;
    return this.#turn !== "uncut" && isOver ? "session time" : undefined;
  }
}
