/** A real Redis or Valkey on loopback, in memory only, in a folder of its own; killed, frozen and started again at will. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

import { installed, missing } from "./need.ts";
import { freePort } from "./free-port.ts";
import { freezeProcess } from "./frozen.ts";

const startDeadline = 10_000;

/** Whether there is neither of them. @throws Error in CI */
export function missingRedis(): boolean {
  return !installed("valkey-server") && missing("redis-server");
}

/** How it is spoken to. */
export interface Way {
  /** A PEM file: it takes TLS alone, with a certificate of this CA. */
  readonly ca?: string;
  /** It is a sentinel, with this file. */
  readonly sentinel?: string;
}

/** A running Redis or Valkey. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  readonly #words: readonly string[];
  readonly #way: Way;

  private constructor(port: number, words: readonly string[], way: Way) {
    this.port = port;
    this.#words = words;
    this.#way = way;
    this.url = `${way.ca === undefined ? "redis" : "rediss"}://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), "goodmailto-redis-"));
  }

  /** @param words of its command line, after those for the port */
  static async start(words: readonly string[] = [], way: Way = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), words, way);
    await server.start();
    return server;
  }

  /** Starts it, again after {@link kill}, empty. */
  async start(): Promise<void> {
    const program = installed("redis-server") ? "redis-server" : "valkey-server";
    const ports =
      this.#way.ca === undefined ? ["--port", String(this.port)] : ["--port", "0", "--tls-port", String(this.port)];
    // A sentinel begins with its file, and keeps no rows.
    const usual = this.#way.sentinel === undefined ? ["--save", "", "--appendonly", "no"] : [];
    const file = this.#way.sentinel === undefined ? [] : [join(this.#folder, "sentinel.conf"), "--sentinel"];
    if (this.#way.sentinel !== undefined) {
      writeFileSync(join(this.#folder, "sentinel.conf"), this.#way.sentinel);
    }
    const words = [...file, ...ports, "--bind", "127.0.0.1", ...usual, "--dir", this.#folder, ...this.#words];
    this.#child = spawn(program, words, { stdio: "ignore" });
    const end = Date.now() + startDeadline;
    while (!(await answers(this.port, this.#way.ca))) {
      if (Date.now() > end) {
        throw new Error(`${program} does not answer at port ${this.port}`);
      }
      await delay(20);
    }
  }

  /** Ends it at once, like a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
  }

  /** It takes connections and bytes, and answers nothing. */
  freeze(): void {
    if (this.#child?.pid !== undefined) {
      freezeProcess(this.#child.pid);
    }
  }

  /** Ends a {@link freeze}. */
  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whether it answers PING within half a second, if only that it wants a password. */
async function answers(port: number, ca: string | undefined): Promise<boolean> {
  const host = "127.0.0.1";
  const socket = ca === undefined ? connect(port, host) : connectTls({ port, host, ca: readFileSync(ca) });
  try {
    const signal = AbortSignal.timeout(500);
    socket.write("PING\r\n");
    const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
    return /^(?:\+PONG|-NOAUTH)/.test(chunk.toString());
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
