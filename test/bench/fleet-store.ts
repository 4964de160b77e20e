/** The store of a fleet: an S3-speaking server by TLS, behind a line that counts octets and connections and can be cut. */
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import type { Authority } from "../fakes/certificates.ts";
import { startOrigin } from "../fakes/origin.ts";
import type { Origin } from "../fakes/origin.ts";

/** What has passed the line, in octets and connections. */
export interface Passed {
  readonly connections: number;
  /** From the relays to the store. */
  readonly up: number;
  readonly down: number;
}

/** The store as relays and sync see it. */
export interface Store {
  readonly endpoint: string;
  readonly ca: string;
  readonly origin: Origin;
  /** Since the start. */
  passed(): Passed;
  /** Nobody answers there any more; connections are cut. */
  cut(): Promise<void>;
  /** It is there again, with what it held. */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

/** What opens it. */
export const storeLogin = { accessKey: "RELAY", secretKey: "store-secret-of-the-bench", region: "us-east-1" } as const;

/** Starts it on loopback. */
export async function startStore(authority: Authority): Promise<Store> {
  const { certificate, key } = await authority.issue("store", "IP:127.0.0.1");
  const tls = { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  const origin = await startOrigin({ tls, s3: storeLogin });
  const line = new Line(origin.port);
  const port = await line.open(0);
  return {
    endpoint: `https://127.0.0.1:${port}`,
    ca: authority.ca,
    origin,
    passed: () => line.passed(),
    cut: () => line.cut(),
    mend: async () => void (await line.open(port)),
    stop: async () => {
      await line.cut();
      await origin.stop();
    },
  };
}

/** Passes octets on to a port of loopback. */
class Line {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #counts = { connections: 0, up: 0, down: 0 };

  constructor(target: number) {
    this.#target = target;
  }

  passed(): Passed {
    return { ...this.#counts };
  }

  async open(port: number): Promise<number> {
    const server = createServer((client) => this.#pass(client));
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) {
      return;
    }
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
  }

  #pass(client: Socket): void {
    this.#counts.connections++;
    const server = connect(this.#target, "127.0.0.1");
    for (const [from, to, way] of [
      [client, server, "up"],
      [server, client, "down"],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (chunk: Buffer) => {
        this.#counts[way] += chunk.length;
        to.write(chunk);
      });
      from.on("end", () => to.end()).on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.end();
      });
    }
  }
}
