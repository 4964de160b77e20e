/**
 * Clients that get no session: refused with a reply where that is cheap, disconnected if one of them asks again and
 * again.
 */
import type { Socket } from "node:net";

import type { Response } from "../answers.ts";
import { Crowd } from "./crowd.ts";

/** How long a refused client may take to close its side, in ms. */
const linger = 2000;
/**
 * Refused sockets of one client that may linger; further ones are destroyed, so that it takes no descriptors from
 * others.
 */
const mostLingering = 5;
/** How often the same limit of the same client is logged, in ms. */
const noteEvery = 60_000;
/** Clients that are remembered for that. */
const mostNoted = 10_000;

export class TurnedAway {
  readonly #room: number;
  readonly #lingering = new Crowd();
  readonly #noted = new Map<string, number>();

  /** @param room sockets of refused clients that may linger in all */
  constructor(room: number) {
    this.#room = room;
  }

  /**
   * Says the reply, and ends the connection; without a word where too many linger.
   * @param client the network that it counts for
   * @returns false if there was no room for it in all
   */
  refuse(socket: Socket, client: string, { reply }: Response): boolean {
    socket.on("error", () => undefined);
    const hasRoom = this.#lingering.size < this.#room;
    if (!hasRoom || this.#lingering.of(client) >= mostLingering) {
      socket.destroy();
      return hasRoom;
    }
    this.#lingering.enter(client);
    // What the client says is thrown away: unread, it would hide its FIN.
    socket.resume().end(reply?.wire ?? "");
    const timer = setTimeout(() => socket.destroy(), linger).unref();
    socket.once("close", () => {
      clearTimeout(timer);
      this.#lingering.leave(client);
    });
    return true;
  }

  /** Whether this is new for the log: a flood must not become one of lines. */
  isNews(limit: string, client: string): boolean {
    const key = `${limit} ${client}`;
    const now = performance.now();
    if (now - (this.#noted.get(key) ?? Number.NEGATIVE_INFINITY) < noteEvery) {
      return false;
    }
    if (this.#noted.size >= mostNoted) {
      this.#noted.clear();
    }
    this.#noted.set(key, now);
    return true;
  }
}
