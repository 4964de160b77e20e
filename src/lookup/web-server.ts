/**
 * Lookups by HTTP as every other: a socket that is bound elsewhere, bounds, and an end. The limits are our own: those of
 * node:http are looked at every half a minute, and not at all for connections that another process has accepted.
 */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { errorCode } from "../report/error-message.ts";
import { complainer } from "./complaints.ts";
import type { Complain } from "./complaints.ts";
import type { LookupLimits } from "./connection.ts";
import { Connections } from "./connections.ts";
import type { Connection } from "./connections.ts";
import type { LookupServer, LookupServerOptions } from "./server.ts";

const badRequest = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** The HTTP server of a lookup. */
export function webLookupServer(server: Server, options: LookupServerOptions): LookupServer {
  const { name, limits, room, count, log, counters } = options;
  const complain = complainer(name, log, counters);
  const connections = new Connections(room, count, complain);
  const open = new WeakMap<Socket, WebConnection>();
  server.maxConnections = Number.POSITIVE_INFINITY;
  server.requestTimeout = server.headersTimeout = server.keepAliveTimeout = 0;
  server
    .on("connection", (socket: Socket) =>
      connections.add(socket, () => {
        const connection = new WebConnection(socket, limits, complain);
        open.set(socket, connection);
        return connection;
      }),
    )
    .on("clientError", (error, socket) => refuse(error, socket, complain))
    .prependListener("request", ({ socket }, response) => open.get(socket)?.begin(response));
  return {
    server,
    take: (socket) => void server.emit("connection", socket),
    shutdown: (timeout) => connections.end(server, timeout),
  };
}

/** What is no HTTP is answered as node:http does, and counted. */
function refuse(error: Error, socket: Duplex, complain: Complain): void {
  if (socket.writable && errorCode(error) !== "ECONNRESET") {
    complain("not a question of this protocol");
    socket.end(badRequest);
  } else {
    socket.destroy();
  }
}

/** One connection, whose requests node:http reads. */
class WebConnection implements Connection {
  readonly #socket: Socket;
  readonly #limits: () => LookupLimits;
  readonly #complain: Complain;
  /** Requests that are not answered to the end. */
  #asked = 0;
  /** When the first of them came, or the beginning of a head, or the end of the last answer. */
  #since = performance.now();
  /** Octets that had been read at the end of the last answer. */
  #read = 0;
  #isHead = false;
  #isLeaving = false;

  constructor(socket: Socket, limits: () => LookupLimits, complain: Complain) {
    this.#socket = socket;
    this.#limits = limits;
    this.#complain = complain;
  }

  begin(response: ServerResponse): void {
    this.#asked++;
    this.#isHead = false;
    this.#since = performance.now();
    response.once("close", () => {
      this.#asked--;
      this.#since = performance.now();
      this.#read = this.#socket.bytesRead;
      if (this.#isLeaving) {
        this.leave();
      }
    });
  }

  tick(now: number): void {
    const { timeout, idle } = this.#limits();
    if (this.#asked === 0 && !this.#isHead && this.#socket.bytesRead > this.#read) {
      this.#isHead = true;
      this.#since = now;
    }
    const isHalf = this.#asked > 0 || this.#isHead;
    // A body that comes, and then an answer that is read, in its own time each.
    const most = this.#asked > 0 ? 2 * timeout : isHalf ? timeout : idle;
    if (now - this.#since >= most) {
      if (isHalf) {
        this.#complain("question or answer not taken in time");
      }
      this.#socket.destroy();
    }
  }

  leave(): void {
    this.#isLeaving = true;
    if (this.#asked === 0) {
      this.#socket.destroySoon();
    }
  }
}
