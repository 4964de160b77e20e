/** The open sessions of a listener: all of them, as the library no longer knows one that waits for its client's FIN. */

/** What is asked of each. */
interface OpenSession {
  /** Where it is among the open ones; the owner's. */
  place: number;
  tick(now: number): void;
  leave(): void;
  kill(why: string): void;
}

export class Sessions<Session extends OpenSession> {
  /**
   * Not a Set: each time a Set gets a new table, the former one keeps its entries and refers to the new one. Once such a
   * table is in V8's old generation, everything in all later tables survives there too, until the next full collection:
   * most sessions, at a third of their CPU time.
   */
  readonly #open: Session[] = [];
  #emptied: (() => void) | undefined;

  add(session: Session): void {
    session.place = this.#open.push(session) - 1;
  }

  remove(session: Session): void {
    const last = this.#open.pop();
    if (last !== undefined && last !== session) {
      this.#open[session.place] = last;
      last.place = session.place;
    }
    if (this.#open.length === 0) {
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
    if (this.#open.length > 0) {
      const late = setTimeout(resolve, 1000);
      await promise;
      clearTimeout(late);
    }
  }
}
