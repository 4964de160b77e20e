/**
 * A plain smtp-server over the same snapshot file, as one writes it from the library's README:
 * `node test/bench/bare.ts SNAPSHOT [cure,…]`; prints its port. Messages are taken and thrown away. Each cure removes
 * one hot spot of the library: greeting, error, lock, cork (with synchronous hooks).
 */
import type { AddressInfo, Socket } from "node:net";

import Database from "better-sqlite3";
import { SMTPServer } from "smtp-server";
import type { SMTPServerOptions } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

const cures = new Set((process.argv[3] ?? "").split(","));

const database = new Database(process.argv[2] ?? "", { readonly: true });
database.pragma("mmap_size = 268435456");
if (cures.has("lock")) {
  database.pragma("locking_mode = exclusive");
}
const find = database.prepare<[string], number>("SELECT 1 FROM recipient WHERE key = ?").pluck();

const makeRefusal = (): Error => Object.assign(new Error("5.1.1 No such user here"), { responseCode: 550 });
const refusal = makeRefusal();

/** Replies to one packet in one packet. */
class CorkingStream extends SMTPStream {
  socket: Socket | undefined;
  override _write(chunk: Buffer, encoding: BufferEncoding | "buffer", next: (error?: Error | null) => void): void {
    this.socket?.cork();
    try {
      super._write(chunk, encoding, next);
    } finally {
      this.socket?.uncork();
    }
  }
}

class CuredConnection extends SMTPConnection {
  override _createParser(): SMTPStream {
    const parser = super._createParser();
    if (cures.has("cork")) {
      Object.setPrototypeOf(parser, CorkingStream.prototype);
      (parser as CorkingStream).socket = this._socket;
    }
    return parser;
  }

  override init(): void {
    if (cures.has("greeting")) {
      this._setListeners(() => this.connectionReady());
    } else {
      super.init();
    }
  }
}

class CuredServer extends SMTPServer {
  override connect(socket: Socket, options?: ConstructorParameters<typeof SMTPConnection>[2]): void {
    const connection = new CuredConnection(this, socket, options);
    this.connections.add(connection);
    connection.on("error", () => undefined);
    connection.on("connect", () => undefined);
    connection.init();
  }
}

const synchronous: SMTPServerOptions = {
  onConnect: (_session, callback) => callback(),
  onMailFrom: (_address, _session, callback) => callback(),
};
const server = new CuredServer({
  authOptional: true,
  disableReverseLookup: true,
  hideSTARTTLS: true,
  logger: false,
  ...(cures.has("cork") ? synchronous : {}),
  onRcptTo: ({ address }, _session, callback) => {
    if (find.get(address.toLowerCase()) === undefined) {
      callback(cures.has("error") ? refusal : makeRefusal());
    } else {
      callback();
    }
  },
  onData: (stream, _session, callback) => {
    stream.resume();
    stream.on("end", () => callback());
  },
});
server.on("error", () => undefined);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 } as never, () => {
  process.stdout.write(`${(server.server.address() as AddressInfo).port}\n`);
});
process.on("SIGTERM", () => process.exit());
