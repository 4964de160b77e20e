/** Serves a protocol of connections to other mail servers, as many at a time as its limits allow. */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

import { normalIp } from "../mail/network.ts";
import type { Counters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { complainer } from "./complaints.ts";
import { LookupConnection } from "./connection.ts";
import type { LookupLimits } from "./connection.ts";
import { Connections } from "./connections.ts";
import type { CountConnection, Room } from "./connections.ts";
import type { Asker, Protocol, RefusalWords } from "./protocol.ts";

/** What a server needs. */
export interface LookupServerOptions {
  readonly name: string;
  readonly limits: () => LookupLimits;
  readonly room: Room;
  readonly count: CountConnection;
  /** @param ip of the mail server that asks; "" at a Unix socket */
  readonly asker: (ip: string, refusal: RefusalWords) => Asker;
  /** What clients must send, by protocols that have such a thing; undefined: nothing. */
  readonly token: () => string | undefined;
  readonly log: Log;
  readonly counters: Counters;
}

/** A service that is asked; its socket is bound elsewhere. */
export interface LookupServer {
  readonly server: Server;
  /** A connection that another process has accepted. */
  take(socket: Socket): void;
  /** Ends what is idle at once, and the rest after its answer, or after so many ms. */
  shutdown(timeout: number): Promise<void>;
}

/** The address of the other side; "" at a Unix socket. */
export function peerOf(socket: Socket): string {
  return normalIp(socket.remoteAddress ?? "");
}

/** Serves a protocol of connections. */
export function createLookupServer<Request>(
  protocol: Protocol<Request>,
  { name, limits, room, count, asker, log, counters }: LookupServerOptions,
): LookupServer {
  const complain = complainer(name, log, counters);
  const connections = new Connections(room, count, complain);
  const take = (socket: Socket): void =>
    connections.add(socket, () => {
      const ip = peerOf(socket);
      const ask = (): Asker => asker(ip, protocol.refusal);
      return new LookupConnection(socket, protocol, { limits, asker: ask, complain });
    });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, take);
  return {
    server,
    take: (socket) => {
      socket.allowHalfOpen = true;
      take(socket);
    },
    shutdown: (timeout) => connections.end(server, timeout),
  };
}
