/**
 * Sockets that are no session yet: those whose handshake of implicit TLS is still to be done, and those whose proxy has
 * not yet said for whom it speaks. Each holds a place of the limits, on behalf of whom it is known to come from.
 */
import type { Socket } from "node:net";

import { normalIp } from "../../mail/network.ts";
import type { LimitName } from "../../report/counters.ts";
import type { Crowd } from "./crowd.ts";
import type { ServerOptions } from "./server-options.ts";

/** One of them. */
export interface Arrival {
  readonly id: string;
  /** Of the client, as far as it is known. */
  readonly ip: string;
}

export class Arrivals {
  readonly #crowd: Crowd;
  readonly #most: { readonly own: number; readonly all: number; readonly client: number };
  readonly #known = new WeakMap<Socket, Arrival>();
  /** Under which name it is counted. */
  readonly #countedAs = new WeakMap<Socket, string>();

  constructor({ crowd, maxSessions, maxConnections, maxConnectionsPerClient }: ServerOptions) {
    this.#crowd = crowd;
    this.#most = { own: maxSessions, all: maxConnections, client: maxConnectionsPerClient };
  }

  /** The limit that one more of a client would exceed, sessions included; undefined: there is room. */
  limitFor(client: string, isProxy: boolean): LimitName | undefined {
    const { own, all, client: most } = this.#most;
    if (this.#crowd.size >= own || this.#crowd.total >= all) {
      return "connections";
    }
    return isProxy || this.#crowd.totalOf(client) < most ? undefined : "connections per client";
  }

  /** What is known of a socket. */
  of(socket: Socket): Arrival {
    return this.#known.get(socket) ?? { id: "", ip: normalIp(socket.remoteAddress ?? "") };
  }

  /** Who it is. */
  know(socket: Socket, arrival: Arrival): void {
    this.#known.set(socket, arrival);
  }

  /** Takes a place. @param countedAs a network, or the name of a proxy */
  enter(socket: Socket, countedAs: string): void {
    this.#countedAs.set(socket, countedAs);
    this.#crowd.enter(countedAs);
  }

  /** Gives it back. */
  leave(socket: Socket): void {
    const countedAs = this.#countedAs.get(socket);
    if (countedAs !== undefined) {
      this.#countedAs.delete(socket);
      this.#crowd.leave(countedAs);
    }
  }
}

/** What a proxy that has not yet spoken counts as: its clients' limits are not its own. */
export function proxyName(ip: string): string {
  return `proxy ${ip}`;
}
