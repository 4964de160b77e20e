/** One listener: smtp-server's TCP and TLS server that makes our connections, counts them and lets them in. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { SMTPServer } from "smtp-server";
import type { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

import { Session } from "../hooks/session.ts";
import type { Peer } from "../hooks/session.ts";
import { normalIp } from "../mail/network.ts";
import { answers } from "./answers.ts";
import { Connection } from "./connection.ts";
import { Conversation } from "./conversation.ts";
import type { HostNames } from "./host-names.ts";
import type { Service } from "./service.ts";

/** Our certificate and how it is used. Texts are PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** CA for client certificates; undefined: none is asked for. */
  readonly ca: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

/** What a listener needs beside its service. */
export interface ServerOptions {
  readonly implicitTls: boolean;
  readonly tls: TlsMaterial | undefined;
  /** Sessions in all and of one client address. */
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  readonly hostNames: HostNames;
}

export class RelayServer extends SMTPServer {
  service: Service;
  readonly #limits: { all: number; client: number };
  readonly #hostNames: HostNames;
  readonly #perClient = new Map<string, number>();
  readonly #ticker: NodeJS.Timeout;

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
      maxClients: options.maxConnections,
      // Not in the library's types: they go on to net.createServer. A client may send QUIT and FIN at once
      // and still read the replies.
      ...({ allowHalfOpen: true, noDelay: true } as object),
    });
    this.service = service;
    this.#limits = { all: options.maxConnections, client: options.maxConnectionsPerClient };
    this.#hostNames = options.hostNames;
    this.on("error", (error: Error) =>
      service.log.warning("smtp", "socket error", { listener: service.listener, why: error.message }),
    );
    const tick = Math.min(1000, service.limits.idle / 4, service.limits.sessionTime / 4);
    this.#ticker = setInterval(() => this.#tick(), tick).unref();
  }

  override connect(socket: Socket | TLSSocket, options?: ConstructorParameters<typeof SMTPConnection>[2]): void {
    const ip = normalIp(socket.remoteAddress ?? "");
    const count = this.#perClient.get(ip) ?? 0;
    const full = this.connections.size >= this.#limits.all;
    if (full || count >= this.#limits.client) {
      this.service.counters.add("limits", { limit: full ? "connections" : "connections per client" });
      this.service.log.warning("smtp", "limit", { limit: full ? "connections" : "connections per client", ip });
      socket.on("error", () => undefined);
      socket.end(answers.tooManyConnections.reply?.wire ?? "");
      // A client that never closes its side must not hold the descriptor.
      setTimeout(() => socket.destroy(), 2000).unref();
      return;
    }
    this.#perClient.set(ip, count + 1);
    const connection = new Connection(this, socket, options);
    this.connections.add(connection);
    connection.on("error", (error: Error) => this.emit("error", error));
    connection.init();
  }

  /** Client rule, host name, greeting delay: then the session begins. */
  async admit(connection: Connection): Promise<void> {
    const { service } = this;
    const ip = normalIp(connection.remoteAddress);
    const wanted = service.reverseLookup || service.rules.needsHost;
    const host = wanted ? await this.#hostNames.find(ip) : undefined;
    const verdict = service.rules.find(host === undefined ? { ip } : { ip, host });
    if (verdict.kind === "deny") {
      // As tcpserver does: dropped with nothing sent.
      service.counters.add("connections", { result: "denied" });
      service.log.info("smtp", "denied by client rule", { ip, line: verdict.rule.line });
      connection._socket.destroy();
      return;
    }
    service.counters.add("connections", { result: "accepted" });
    const local = { ip: normalIp(connection.localAddress), port: connection.localPort, host: service.hostname };
    const client = { ip, port: connection.remotePort, host: host ?? "" };
    const variables = new Map([...environment(local, client), ...service.variables, ...verdict.variables]);
    const session = new Session(connection.id, client, local, service.listener, variables, (line) => {
      connection._socket.write(`${line}\r\n`, "latin1");
    });
    connection.conversation = new Conversation(service, session);
    connection.conversation.secure = connection.secure;
    if (connection.secure) {
      this.secured(connection);
    }
    const known = session.has("NOGOODMAILTO") || session.has("RELAYCLIENT");
    if (!known && service.limits.greetingDelay > 0) {
      await delay(service.limits.greetingDelay);
    }
    await connection.greet();
  }

  /** TLS is on: what checks may know of it. */
  secured(connection: Connection): void {
    const { variables } = connection.conversation?.session ?? { variables: new Map<string, string>() };
    const socket = connection._socket as TLSSocket;
    variables.set("TLSVERSION", socket.getProtocol() ?? "");
    if (socket.authorized) {
      const subject = socket.getPeerCertificate().subject;
      variables.set(
        "TLSCLIENTSUBJECT",
        Object.entries(subject ?? {})
          .map(([key, value]) => `${key}=${String(value)}`)
          .join(","),
      );
    }
  }

  /** A connection is closed. */
  gone(connection: Connection): void {
    const ip = normalIp(connection.remoteAddress);
    const count = (this.#perClient.get(ip) ?? 1) - 1;
    if (count > 0) {
      this.#perClient.set(ip, count);
    } else {
      this.#perClient.delete(ip);
    }
  }

  /** New rules for new sessions; a new certificate for new handshakes. */
  reload(service: Service, tls: TlsMaterial | undefined): void {
    this.service = service;
    if (tls !== undefined) {
      this.updateSecureContext(tlsOptions(tls));
    }
  }

  /** Stops accepting; sessions end after the message in flight, and after `timeout` ms in any case. */
  async shutdown(timeout: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const connection of this.connections) {
      (connection as Connection).leave();
    }
    const late = setTimeout(() => {
      for (const connection of this.connections) {
        connection._socket.destroy();
      }
    }, timeout);
    await closed;
    clearTimeout(late);
    clearInterval(this.#ticker);
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.connections) {
      (connection as Connection).tick(now);
    }
  }
}

/** What tcpserver would put into the environment. */
function environment(local: Peer, client: Peer): [string, string][] {
  return [
    ["PROTO", "TCP"],
    ["TCPLOCALIP", local.ip],
    ["TCPLOCALPORT", String(local.port)],
    ["TCPLOCALHOST", local.host],
    ["TCPREMOTEIP", client.ip],
    ["TCPREMOTEPORT", String(client.port)],
    ...(client.host === "" ? [] : ([["TCPREMOTEHOST", client.host]] as [string, string][])),
  ];
}

function tlsOptions(tls: TlsMaterial | undefined): object {
  if (tls === undefined) {
    return {};
  }
  const { cert, key, ca, minVersion } = tls;
  // A client certificate is asked for, not demanded: who has none is a stranger, not turned away.
  return { cert, key, minVersion, ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }) };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
