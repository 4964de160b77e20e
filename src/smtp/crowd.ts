/** The sessions of all listeners of a process: they are limited together, as they share its descriptors. */

/** See the file's first line. */
export class Crowd {
  /** The sessions of each listener. */
  readonly #listeners: ReadonlySet<unknown>[] = [];
  readonly #perClient = new Map<string, number>();

  /** Counts another listener's sessions. */
  join(sessions: ReadonlySet<unknown>): void {
    this.#listeners.push(sessions);
  }

  /** Sessions in all. */
  get size(): number {
    return this.#listeners.reduce((sum, { size }) => sum + size, 0);
  }

  /** Sessions of a client, and those of its that are on their way out. */
  of(client: string): number {
    return this.#perClient.get(client) ?? 0;
  }

  /** One more of a client. */
  enter(client: string): void {
    this.#perClient.set(client, this.of(client) + 1);
  }

  /** One less. */
  leave(client: string): void {
    const count = this.of(client) - 1;
    if (count > 0) {
      this.#perClient.set(client, count);
    } else {
      this.#perClient.delete(client);
    }
  }
}
