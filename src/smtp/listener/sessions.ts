/** The open sessions of a listener: all of them, as the library no longer knows one that waits for its client's FIN. */

/** What is asked of each. */
interface OpenSession {
  tick(now: number): void;
  leave(): void;
  kill(why: string): void;
}

export class Sessions<Session extends OpenSession> {
  readonly #open = new Set<Session>();
  #emptied: (() => void) | undefined;

  add(session: Session): void {
    this.#open.add(session);
  }

  remove(session: Session): void {
    this.#open.delete(session);
    if (this.#open.size === 0) {
      this.#emptied?.();
    }
  }

  /** Looks at the deadlines of each. */
  tick(): void {
    const now = performance.now();
    for (const session of this.#open) {
      session.tick(now);
    }
  }

  /**
   * Asks each to end after the message in flight, and ends it after `timeout` ms in any case.
   * @param closed that the server has closed
   */
  async end(timeout: number, closed: Promise<void>): Promise<void> {
    const sessions = [...this.#open];
    sessions.forEach((session) => session.leave());
    const late = setTimeout(() => sessions.forEach((session) => session.kill("the relay stops")), timeout);
    await closed;
    // The last sockets say that they are closed after the server has said so.
    await this.#empty();
    clearTimeout(late);
  }

  async #empty(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    if (this.#open.size > 0) {
      const late = setTimeout(resolve, 1000);
      await promise;
      clearTimeout(late);
    }
  }
}
