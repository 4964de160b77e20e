/** A real Redis or Valkey on loopback, in memory only, in a folder of its own; killed, frozen and started again at will. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { installed, missing } from "./need.ts";
import { freePort } from "./free-port.ts";
import { freezeProcess } from "./frozen.ts";

const startDeadline = 10_000;

/** Whether there is neither of them. @throws Error in CI */
export function missingRedis(): boolean {
  return !installed("valkey-server") && missing("redis-server");
}

/** A running Redis or Valkey. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), "goodmailto-redis-"));
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  /** Starts it, again after {@link kill}, empty. */
  async start(): Promise<void> {
    const program = installed("redis-server") ? "redis-server" : "valkey-server";
    const words = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    this.#child = spawn(program, [...words, "--dir", this.#folder], { stdio: "ignore" });
    const end = Date.now() + startDeadline;
    while (!(await answers(this.port))) {
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

/** Whether it says PONG within half a second. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    const signal = AbortSignal.timeout(500);
    socket.write("PING\r\n");
    const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
    return chunk.toString() === "+PONG\r\n";
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
