/** Sessions that wait for a full hop, by route, first come, first served. */
import type { HopConnection } from "./hop-connection.ts";

/** How often the first in line asks the hop itself, in ms: other clients may use up its connections. */
const pollTime = 250;

export class HopQueue {
  /** Route key → those who wait; no key has an empty line. */
  readonly #lines = new Map<string, Ticket[]>();

  /** Whether anybody waits there. */
  waits(key: string): boolean {
    return this.#lines.has(key);
  }

  /** @param wanted whether its client is still there */
  join(key: string, wanted: () => boolean): Ticket {
    const line = this.#lines.get(key) ?? [];
    const ticket = new Ticket(wanted, () => line[0] === ticket);
    line.push(ticket);
    this.#lines.set(key, line);
    return ticket;
  }

  /** Out of the line; the next one need not wait to ask. */
  leave(key: string, ticket: Ticket): void {
    const line = this.#lines.get(key) ?? [];
    line.splice(line.indexOf(ticket), 1);
    if (line.length === 0) {
      this.#lines.delete(key);
    }
    line[0]?.wake(undefined);
  }

  /** Gives a connection to the first who can take it; false: nobody could. */
  give(key: string, connection: HopConnection): boolean {
    return (this.#lines.get(key) ?? []).some((ticket) => ticket.wanted() && ticket.wake(connection));
  }
}

/** A place in a line. */
export class Ticket {
  readonly wanted: () => boolean;
  readonly #isFirst: () => boolean;
  #resolve: ((connection: HopConnection | undefined) => void) | undefined;

  constructor(wanted: () => boolean, isFirst: () => boolean) {
    this.wanted = wanted;
    this.#isFirst = isFirst;
  }

  /** Whether it is its turn to ask the hop. */
  get first(): boolean {
    return this.#isFirst();
  }

  /** A connection that another session needs no more; undefined after a moment without. */
  async wait(): Promise<HopConnection | undefined> {
    const timer = setTimeout(() => this.wake(undefined), pollTime);
    try {
      return await new Promise((resolve) => {
        this.#resolve = resolve;
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends {@link wait}; false if it does not wait just now. */
  wake(connection: HopConnection | undefined): boolean {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.(connection);
    return resolve !== undefined;
  }
}
