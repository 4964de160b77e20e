/** A program that serves until it is ended: killed, frozen, started again. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const startDeadline = 60_000;
const programs = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

export class Daemon {
  readonly port: number;
  readonly place: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  #output = "";

  /** @param port of loopback where it answers when it is ready */
  constructor(port: number, command: readonly string[]) {
    this.port = port;
    this.place = `127.0.0.1:${port}`;
    this.#command = command;
  }

  /** 0: it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const [program = "", ...words] = this.#command;
    const child = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: programs },
      detached: true,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-10_000)));
    }
    const end = Date.now() + startDeadline;
    while (!(await listens(this.port))) {
      if (Date.now() > end || child.exitCode !== null) {
        throw new Error(`${program} does not listen:\n${this.#output}`);
      }
      await delay(50);
    }
  }

  /** Ends it and its children at once, like a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      process.kill(-child.pid, "SIGKILL");
      await exited;
    }
  }

  /** Stops it and its children: connections are taken, and nothing is answered. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) {
      process.kill(-this.#child.pid, signal);
    }
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
