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
import { Arrivals, proxyName } from "./arrivals.ts";
import { logSocketError, logTlsFailure } from "./client-failures.ts";
import { Connection } from "./connection.ts";
import type { Owner } from "./owner.ts";
import { beginProxied } from "./proxied.ts";
import { beginAnew } from "./presenting.ts";
import type { Presented } from "../session/presented.ts";
import type { Crowd } from "./crowd.ts";
import { Sessions } from "./sessions.ts";
import type { Service } from "../service.ts";
import { tellOfStranger } from "./session-events.ts";
import type { ServerOptions } from "./server-options.ts";
import { sessionId } from "./session-id.ts";
import { tlsOptions, tlsVariables } from "./tls.ts";
import type { TlsMaterial } from "./tls.ts";
import type { TurnedAway } from "./turned-away.ts";

/** What a socket that listens everywhere is bound to. */
const anyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
/** Of a socket that holds no place before its session. */
const nothingToRelease = (): void => undefined;

export class RelayServer extends SMTPServer implements Owner<Connection> {
  service: Service;
  /** The address of a listener that has but one: its sockets need not be asked for theirs. */
  #local: { readonly address: string; readonly port: number } | undefined;
  readonly #turnedAway: TurnedAway;
  readonly #crowd: Crowd;
  readonly #ticker: NodeJS.Timeout;
  readonly #sessions = new Sessions<Connection>();
  readonly #arrivals: Arrivals;
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
    this.#arrivals = new Arrivals(options);
    this.#turnedAway = options.turnedAway;
    this.on("error", (error: Error) => {
      if (!this.#told.has(error)) {
        service.log.warning("smtp", "socket error", { listener: service.listener, why: error.message });
      }
    });
    const tick = Math.min(1000, service.limits.idle / 4, service.limits.sessionTime / 4);
    this.#ticker = setInterval(() => this.#sessions.tick(), tick).unref();
  }

  /**
   * A handshake of implicit TLS holds a place, as a session does, and so does a proxy that has not yet said for whom it
   * speaks; the library ends both after the idle time.
   */
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    const isProxy = this._expectsProxyHeader(socket);
    if (!handshake && !isProxy) {
      return nothingToRelease;
    }
    const { ip } = this.#arrivals.of(socket);
    const client = isProxy ? proxyName(ip) : clientNetwork(ip);
    const release = this.#hasRoomFor(client, isProxy) && super._acceptSocket(socket, handshake);
    if (release === false) {
      // Nothing can be said before the handshake.
      socket.on("error", () => undefined);
      socket.destroy();
      return false;
    }
    this.#arrivals.enter(socket, client);
    return () => {
      // Called once: the session, if there is to be one, enters next.
      this.#arrivals.leave(socket);
      release();
    };
  }

  /** `[[listener]] proxy_from` */
  override _expectsProxyHeader(socket: Socket): boolean {
    const { proxies } = this.service;
    return proxies !== undefined && proxies.find(normalIp(socket.remoteAddress ?? "")) === true;
  }

  /** A client that goes in the middle of its handshake says FIN, of which TLS makes nothing. */
  override _upgrade(socket: Socket, callback: Parameters<SMTPServer["_upgrade"]>[1]): void {
    const { id, ip: remoteAddress } = this.#arrivals.of(socket);
    const client = { id, remoteAddress };
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

  #hasRoomFor(client: string, isProxy = false): boolean {
    const limit = this.#arrivals.limitFor(client, isProxy);
    if (limit !== undefined) {
      this.noteLimit(limit, client);
    }
    return limit === undefined;
  }

  /** Without a proxy the session begins in this turn of the event loop, not in the library's next. */
  override _handleProxy(socket: Socket, callback: Parameters<SMTPServer["_handleProxy"]>[1]): void {
    const id = sessionId();
    if (this._expectsProxyHeader(socket)) {
      const hasRoomFor = (client: string): boolean => this.#hasRoomFor(client);
      const { service } = this;
      const door = { service, arrivals: this.#arrivals, turnedAway: this.#turnedAway, hasRoomFor, local: this.#local };
      beginProxied(door, socket, { id, handshake: this.options.secure === true }, callback);
      return;
    }
    if (this.options.secure === true) {
      this.#arrivals.know(socket, { ...this.#arrivals.of(socket), id });
    }
    callback(null, { id, localAddress: this.#local?.address, localPort: this.#local?.port });
  }

  override connect(socket: Socket | TLSSocket, options?: ConstructorParameters<typeof SMTPConnection>[2]): void {
    if (socket.destroyed) {
      return;
    }
    const ip = normalIp(options?.remoteAddress ?? socket.remoteAddress ?? "");
    const { harvest, rules, relayLists, variables, presenters } = this.service;
    // Whoever speaks for others is counted as one of them as soon as it has said for whom.
    const isNamed = presenters?.addresses.find(ip) === true;
    const client = isNamed ? proxyName(ip) : clientNetwork(ip);
    const refusal = harvest.refusesAtOnce(ip, rules, () => relayLists.apply(ip, variables))
      ? answers.tooManyUnknown
      : this.#hasRoomFor(client, isNamed)
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
    this.#sessions.add(connection);
    // A handshake that fails emits more than one.
    connection.on("error", ({ message }: Error) => {
      if (!this.#told.has(connection)) {
        this.#told.add(connection);
        logSocketError(this.service, connection, message);
      }
    });
    connection.init();
  }

  admit(connection: Connection): Promise<void> | void {
    return admit(this, connection);
  }

  present(connection: Connection, presented: Presented): Promise<void> {
    const hasRoomFor = (client: string): boolean => this.#hasRoomFor(client);
    return beginAnew({ owner: this, crowd: this.#crowd, hasRoomFor }, connection, presented);
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
    const { conversation } = connection;
    if (conversation !== undefined) {
      connection.record.tell(conversation);
      conversation.service.pipeline.end(conversation.session);
    }
    this.#sessions.remove(connection);
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
    await this.#sessions.end(timeout, closed);
    clearInterval(this.#ticker);
  }

  /** Counts that a limit was reached; logs it once a minute for a client. */
  noteLimit(limit: LimitName, client: string): void {
    this.service.counters.add("limits", { limit });
    if (this.#turnedAway.isNews(limit, client)) {
      this.service.log.warning("smtp", "limit", { limit, client });
    }
  }
}
