/** A real saslauthd with its socket in a folder of its own; killed, frozen and started again at will. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const startDeadline = 20_000;
const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

export class Saslauthd {
  readonly socket: string;
  readonly #folder: string;
  readonly #words: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(mechanism: string, configuration: readonly string[]) {
    this.#folder = mkdtempSync(join(tmpdir(), "gmto-sasl-"));
    this.socket = join(this.#folder, "mux");
    const file = join(this.#folder, "saslauthd.conf");
    writeFileSync(file, `${configuration.join("\n")}\n`);
    this.#words = ["-d", "-n", "4", "-a", mechanism, "-m", this.#folder, "-O", file];
  }

  /** @param mechanism of `saslauthd -a` @param configuration lines of the file that -O names */
  static async start(mechanism: string, configuration: readonly string[]): Promise<Saslauthd> {
    const server = new Saslauthd(mechanism, configuration);
    await server.comeBack();
    return server;
  }

  /** Starts it, or ends a {@link freeze}. */
  async comeBack(): Promise<void> {
    if (this.#child !== undefined) {
      this.#signal("SIGCONT");
      return;
    }
    // A process group of its own: it has children.
    this.#child = spawn("saslauthd", this.#words, { env, stdio: "ignore", detached: true });
    const end = Date.now() + startDeadline;
    while (!(await answers(this.socket))) {
      if (Date.now() > end) {
        throw new Error("saslauthd does not answer at its socket");
      }
      await delay(20);
    }
  }

  /** It takes connections and bytes, and answers nothing. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  /** Ends it at once, like a crash; its socket stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      this.#signal("SIGKILL");
      await exited;
    }
    this.#child = undefined;
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) {
      process.kill(-this.#child.pid, name);
    }
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
