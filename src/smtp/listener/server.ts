/** One listener: smtp-server's TCP and TLS server that creates the connections, counts and admits them. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { SMTPServer } from "smtp-server";
import type { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

import { clientNetwork } from "../../mail/client-network.ts";
import type { LimitName } from "../../report/counters.ts";
import { normalIp } from "../../mail/network.ts";
import { errorMessage } from "../../report/error-message.ts";
import { admit } from "./admission.ts";
import { answers } from "../answers.ts";
import { limitDecision } from "../decision.ts";
import { logSocketError, logTlsFailure } from "./client-failures.ts";
import { Connection } from "./connection.ts";
import type { Owner } from "./owner.ts";
import { clientOf } from "./crowd.ts";
import type { Crowd } from "./crowd.ts";
import type { Service } from "../service.ts";
import { tellOfStranger } from "./session-events.ts";
import type { ServerOptions } from "./server-options.ts";
import { sessionId } from "./session-id.ts";
import { tlsOptions, tlsVariables } from "./tls.ts";
import type { TlsMaterial } from "./tls.ts";
import type { TurnedAway } from "./turned-away.ts";

/** What a socket that listens everywhere is bound to. */
const anyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export class RelayServer extends SMTPServer implements Owner<Connection> {
  service: Service;
  readonly #limits: { own: number; all: number; client: number };
  /** The address of a listener that has but one: its sockets need not be asked for theirs. */
  #local: { readonly address: string; readonly port: number } | undefined;
  readonly #turnedAway: TurnedAway;
  readonly #crowd: Crowd;
  readonly #ticker: NodeJS.Timeout;
  /** All of them: the library no longer knows a session that waits for its client's FIN. */
  readonly #sessions = new Set<Connection>();
  #emptied: (() => void) | undefined;
  /** Ids of sessions whose handshake comes first. */
  readonly #ids = new WeakMap<Socket, string>();
  /** Errors, and connections with a failed handshake, that the log has. */
  readonly #told = new WeakSet<object>();

  constructor(service: Service, options: ServerOptions) {
    super({
      secure: options.implicitTls,
      ...tlsOptions(options.tls),
      name: service.hostname,
      hideSTARTTLS: true,
      authOptional: true,
      disableReverseLookup: true,
      logger: false,
      socketTimeout: service.limits.idle,
      maxClients: options.maxSessions,
      // Not in the library's types: they go on to net.createServer. A client may send QUIT and FIN at once
      // and still read the replies.
      ...({ allowHalfOpen: true, noDelay: true } as object),
    });
    this.server.once("listening", () => {
      const bound = this.server.address();
      if (typeof bound === "object" && bound !== null && !anyAddress.has(bound.address)) {
        this.#local = bound;
      }
    });
    this.service = service;
    this.#crowd = options.crowd;
    this.#turnedAway = options.turnedAway;
    this.#limits = { own: options.maxSessions, all: options.maxConnections, client: options.maxConnectionsPerClient };
    this.on("error", (error: Error) => {
      if (!this.#told.has(error)) {
        service.log.warning("smtp", "socket error", { listener: service.listener, why: error.message });
      }
    });
    const tick = Math.min(1000, service.limits.idle / 4, service.limits.sessionTime / 4);
    this.#ticker = setInterval(() => this.#tick(), tick).unref();
  }

  /** A handshake of implicit TLS holds a slot, as a session does; the library ends it after the idle time. */
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    if (!handshake) {
      return super._acceptSocket(socket, handshake);
    }
    const client = clientOf(socket);
    const release = this.#hasRoomFor(client) && super._acceptSocket(socket, handshake);
    if (release === false) {
      // Nothing can be said before the handshake.
      socket.on("error", () => undefined);
      socket.destroy();
      return false;
    }
    this.#crowd.enter(client);
    return () => {
      // Called once: the session, if there is to be one, enters next.
      this.#crowd.leave(client);
      release();
    };
  }

  /** A client that goes in the middle of its handshake says FIN, of which TLS makes nothing. */
  override _upgrade(socket: Socket, callback: Parameters<SMTPServer["_upgrade"]>[1]): void {
    const client = { id: this.#ids.get(socket) ?? "", remoteAddress: socket.remoteAddress ?? "" };
    super._upgrade(socket, (error, secured) => {
      if (error) {
        this.#told.add(error);
        logTlsFailure(this.service, client, errorMessage(error));
      }
      callback(error, secured);
    });
    const secured = this._pendingSockets.get(socket);
    secured?.once("end", () => {
      if (this._pendingSockets.has(socket)) {
        secured.destroy();
      }
    });
  }

  #hasRoomFor(client: string): boolean {
    const full = this.#crowd.size >= this.#limits.own || this.#crowd.total >= this.#limits.all;
    const hasRoom = !full && this.#crowd.totalOf(client) < this.#limits.client;
    if (!hasRoom) {
      this.noteLimit(full ? "connections" : "connections per client", client);
    }
    return hasRoom;
  }

  /** The PROXY protocol is not spoken here: the session begins in this turn of the event loop, not in the next. */
  override _handleProxy(socket: Socket, callback: Parameters<SMTPServer["_handleProxy"]>[1]): void {
    const id = sessionId();
    if (this.options.secure === true) {
      this.#ids.set(socket, id);
    }
    callback(null, { id, localAddress: this.#local?.address, localPort: this.#local?.port });
  }

  override connect(socket: Socket | TLSSocket, options?: ConstructorParameters<typeof SMTPConnection>[2]): void {
    if (socket.destroyed) {
      return;
    }
    const ip = normalIp(socket.remoteAddress ?? "");
    const { harvest, rules, relayLists, variables } = this.service;
    const client = clientNetwork(ip);
    const refusal = harvest.refusesAtOnce(ip, rules, () => relayLists.apply(ip, variables))
      ? answers.tooManyUnknown
      : this.#hasRoomFor(client)
        ? undefined
        : answers.tooManyConnections;
    if (refusal !== undefined) {
      const reason = refusal === answers.tooManyUnknown ? "harvest block" : "connections";
      tellOfStranger(this.service, { id: "", ip }, { ...refusal, by: limitDecision(reason) });
      if (!this.#turnedAway.refuse(socket, client, refusal)) {
        this.noteLimit("descriptors", "all");
      }
      return;
    }
    this.#crowd.enter(client);
    const connection = new Connection(this, socket, options);
    connection.countedAs = client;
    this.connections.add(connection);
    this.#sessions.add(connection);
    // A handshake that fails emits more than one.
    connection
      .once("error", ({ message }: Error) => {
        if (!this.#told.has(connection)) {
          logSocketError(this.service, connection, message);
        }
      })
      .on("error", () => undefined);
    connection.init();
  }

  admit(connection: Connection): Promise<void> {
    return admit(this, connection);
  }

  /** TLS is on: what checks may know of it. */
  secured(connection: Connection): void {
    // The library has put the TLS socket in place of the other.
    for (const [name, value] of tlsVariables(connection._socket as TLSSocket)) {
      connection.conversation?.session.variables.set(name, value);
    }
  }

  /** An internal error in a session. */
  noteFault(connection: Connection, error: unknown): void {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.service.counters.add("session_faults");
    this.service.log.error("smtp", "internal error in a session", {
      session: connection.id,
      ip: connection.remoteAddress,
      why,
    });
  }

  noteLost({ id, remoteAddress }: Connection, error: unknown): void {
    const why = errorMessage(error);
    this.service.log.info("smtp", "lost connection during transaction", { session: id, ip: remoteAddress, why });
  }

  noteTlsFailure(connection: Connection, error: unknown): void {
    if (!this.#told.has(connection)) {
      this.#told.add(connection);
      logTlsFailure(this.service, connection, errorMessage(error));
    }
  }

  gone(connection: Connection): void {
    this.#crowd.leave(connection.countedAs);
    this.#sessions.delete(connection);
    const { conversation } = connection;
    if (conversation !== undefined) {
      connection.record.tell(conversation);
      conversation.service.pipeline.end(conversation.session);
    }
    if (this.#sessions.size === 0) {
      this.#emptied?.();
    }
  }

  /** New rules for new sessions; a new certificate for new handshakes. */
  reload(service: Service, tls: TlsMaterial | undefined): void {
    this.service = service;
    // Of handshakes.
    this.options.socketTimeout = service.limits.idle;
    if (tls !== undefined) {
      this.updateSecureContext(tlsOptions(tls));
    }
  }

  /** Stops accepting; sessions end after the message in flight, and after `timeout` ms in any case. */
  async shutdown(timeout: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this._pendingSockets.forEach((socket) => socket.destroy());
    const sessions = [...this.#sessions];
    sessions.forEach((session) => session.leave());
    const late = setTimeout(() => sessions.forEach((session) => session.kill("the relay stops")), timeout);
    await closed;
    // The last sockets say that they are closed after the server has said so.
    await this.#empty();
    clearTimeout(late);
    clearInterval(this.#ticker);
  }

  async #empty(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    if (this.#sessions.size > 0) {
      const late = setTimeout(resolve, 1000);
      await promise;
      clearTimeout(late);
    }
  }

  /** Counts that a limit was reached; logs it once a minute for a client. */
  noteLimit(limit: LimitName, client: string): void {
    this.service.counters.add("limits", { limit });
    if (this.#turnedAway.isNews(limit, client)) {
      this.service.log.warning("smtp", "limit", { limit, client });
    }
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#sessions) {
      connection.tick(now);
    }
  }
}
