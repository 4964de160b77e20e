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

/** How many there may be: of one lookup, within those that all of them may have. */
export class Room {
  readonly #most: () => number;
  readonly #all: Room | undefined;
  #taken = 0;

  /** @param all of which this is a part */
  constructor(most: () => number, all?: Room) {
    this.#most = most;
    this.#all = all;
  }

  /** @returns false where there is none left */
  enter(): boolean {
    if (this.#taken >= this.#most() || this.#all?.enter() === false) {
      return false;
    }
    this.#taken++;
    return true;
  }

  leave(): void {
    this.#taken--;
    this.#all?.leave();
  }
}

/** Tells whether a connection was accepted. */
export type CountConnection = (result: "accepted" | "refused") => void;

/** How often each looks at its time limits, in ms. */
const tickEvery = 250;

/** Bounded, and all are looked after by one timer. */
export class Connections {
  readonly #all = new Map<Socket, Connection>();
  readonly #room: Room;
  readonly #count: CountConnection;
  readonly #complain: Complain;
  readonly #ticker: NodeJS.Timeout;
  #empty: (() => void) | undefined;

  constructor(room: Room, count: CountConnection, complain: Complain) {
    this.#room = room;
    this.#count = count;
    this.#complain = complain;
    this.#ticker = setInterval(() => this.#tick(), tickEvery).unref();
  }

  /** Takes a socket in, or closes it where there is no room. */
  add(socket: Socket, open: (socket: Socket) => Connection): void {
    if (!this.#room.enter()) {
      this.#count("refused");
      this.#complain("too many connections");
      socket.on("error", () => undefined).destroy();
      return;
    }
    this.#count("accepted");
    this.#all.set(socket, open(socket));
    socket.once("close", () => {
      this.#room.leave();
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
