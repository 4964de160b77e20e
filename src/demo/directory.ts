/**
 * A small directory server: anonymous and simple bind, search with paged results, nothing that writes. RFC 4511.
 *
 * It serves the demo, the drill, and tests of the ordinary LDAP code, which talks to it as to any directory: by `ldap://`,
 * or by `ldaps://` if it has a certificate. On loopback only.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

import { boundPort } from "../mail/network.ts";
import { Connection } from "./connection.ts";
import { indexEntries } from "./entries.ts";
import type { Access } from "./connection.ts";
import type { DirectoryEntry } from "./entries.ts";
import type { DirectoryFaults } from "./faults.ts";

/** How a directory is set up. */
export interface DirectoryOptions extends Access {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Most entries of one search over all its pages; 0, the default, is not a limit. */
  readonly sizeLimit?: number;
  /** Default 64; a further connection is closed at once. */
  readonly maxConnections?: number;
  /** Certificate and key (PEM): TLS from the first byte. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Ends silent connections; default 5 minutes, in ms. */
  readonly idleTimeout?: number;
  /** For tests of directory errors only. */
  readonly faults?: DirectoryFaults;
}

/** A running directory. */
export interface Directory {
  /** `ldap://host:port`, or `ldaps://` */
  readonly url: string;
  readonly port: number;
  /** May be changed while it runs; see faults.ts. */
  readonly faults: DirectoryFaults;
  /** Open connections. */
  connections(): number;
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a directory. @throws Error if the port is taken */
export async function startDirectory(
  entries: Iterable<DirectoryEntry>,
  options: DirectoryOptions = {},
): Promise<Directory> {
  const indexed = indexEntries(entries);
  const faults = options.faults ?? {};
  const sockets = new Set<Socket>();
  const server = listenFor(options.tls, (socket) => {
    // A reset by the client ends its own session, which sees the close as well.
    socket.on("error", () => socket.destroy());
    socket.setTimeout(options.idleTimeout ?? 300_000, () => socket.destroy());
    const connection = new Connection(socket, { entries: indexed, faults, sizeLimit: options.sizeLimit ?? 0 }, options);
    // It never rejects: see there.
    void connection.serve();
  });
  // Below TLS: a handshake that is not complete ends with the server too.
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.maxConnections = options.maxConnections ?? 64;
  const host = options.host ?? "127.0.0.1";
  server.listen(options.port ?? 0, host);
  await once(server, "listening");
  const port = boundPort(server);
  return {
    url: `${options.tls === undefined ? "ldap" : "ldaps"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    faults,
    connections: () => sockets.size,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}

function listenFor(tls: DirectoryOptions["tls"], serve: (socket: Socket) => void): Server {
  return tls === undefined
    ? createServer({ noDelay: true }, serve)
    : // A client that does not like the certificate ends its own connection.
      createTlsServer({ ...tls, noDelay: true }, serve).on("tlsClientError", (_, socket) => socket.destroy());
}
