/** The connections of one lookup: how many there may be, their clock, and their end. */
import type { Server, Socket } from "node:net";

import type { Complain } from "./complaints.ts";

/** One of them. */
export interface Connection {
  /** @param now ms of the monotonic clock */
  tick(now: number): void;
  /** Ends at once where nothing is asked, else after the answer. */
  leave(): void;
}

/** How often each looks at its time limits, in ms. */
const tickEvery = 250;

/** Bounded, and all are looked after by one timer. */
export class Connections {
  readonly #all = new Map<Socket, Connection>();
  readonly #most: () => number;
  readonly #complain: Complain;
  readonly #ticker: NodeJS.Timeout;
  #empty: (() => void) | undefined;

  constructor(most: () => number, complain: Complain) {
    this.#most = most;
    this.#complain = complain;
    this.#ticker = setInterval(() => this.#tick(), tickEvery).unref();
  }

  /** Takes a socket in, or closes it where there is no room. */
  add(socket: Socket, open: (socket: Socket) => Connection): void {
    if (this.#all.size >= this.#most()) {
      this.#complain("too many connections");
      socket.on("error", () => undefined).destroy();
      return;
    }
    this.#all.set(socket, open(socket));
    socket.once("close", () => {
      this.#all.delete(socket);
      if (this.#all.size === 0) {
        this.#empty?.();
      }
    });
  }

  /** Ends all, those that were handed over by another process too. @param timeout ms until those left are destroyed */
  async end(server: Server, timeout: number): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const { promise: empty, resolve } = Promise.withResolvers<void>();
    this.#empty = resolve;
    if (this.#all.size === 0) {
      resolve();
    }
    this.#all.forEach((one) => one.leave());
    const late = setTimeout(() => this.#all.forEach((_, socket) => socket.destroy()), timeout);
    await Promise.all([closed, empty]);
    clearTimeout(late);
    clearInterval(this.#ticker);
  }

  #tick(): void {
    const now = performance.now();
    this.#all.forEach((one) => one.tick(now));
  }
}
