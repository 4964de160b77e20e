/** The command that a client sends before its greeting: it waits, and what is behind it with it. */
import { setTimeout as sleep } from "node:timers/promises";

export class EarlyCommand {
  #answer: (() => void) | undefined;
  #came: AbortController | undefined;

  /** @param answer takes the command up again */
  hold(answer: () => void): void {
    this.#answer ??= answer;
    this.#came?.abort();
  }

  get isThere(): boolean {
    return this.#answer !== undefined;
  }

  /** Waits for one; that it came ends the wait. @param time ms at the longest */
  async wait(time: number): Promise<void> {
    if (this.isThere) {
      return;
    }
    // Most clients are not let wait: they need none.
    this.#came = new AbortController();
    await sleep(time, undefined, { ref: false, signal: this.#came.signal }).catch(() => undefined);
  }

  /** The client has its greeting. */
  release(): void {
    this.#answer?.();
  }
}
