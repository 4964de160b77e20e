/** A real clamd in a folder of its own, with EICAR as its only signature; at a Unix socket and at a port of loopback. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { freezeProcess } from "./frozen.ts";

const startDeadline = 30_000;
const programs = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/** The test file of the European Institute for Computer Antivirus Research, in two halves: no scanner finds it here. */
export const eicar = `X5O!P%@AP[4\\PZX54(P^)7CC)7}$${"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"}`;
/** What clamd and clamscan call it: the signature is not ClamAV's own. */
export const eicarName = "Eicar-Test-Signature.UNOFFICIAL";

/** A folder with the one signature. */
export function makeSignatures(folder: string): string {
  const signatures = join(folder, "signatures");
  mkdirSync(signatures);
  const hex = Buffer.from(eicar, "latin1").toString("hex");
  writeFileSync(join(signatures, "test.ndb"), `Eicar-Test-Signature:0:*:${hex}\n`);
  chmodSync(folder, 0o755);
  return signatures;
}

/** Lines of clamd.conf beside those that every test has. */
export interface ClamdOptions {
  readonly config?: readonly string[];
}

export class Clamd {
  readonly path: string;
  readonly port: number;
  readonly #folder: string;
  readonly #config: string;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(folder: string, port: number, { config = [] }: ClamdOptions) {
    this.#folder = folder;
    this.path = join(folder, "clamd.ctl");
    this.port = port;
    this.#config = join(folder, "clamd.conf");
    const lines = [
      `LocalSocket ${this.path}`,
      `TCPSocket ${port}`,
      "TCPAddr 127.0.0.1",
      `DatabaseDirectory ${makeSignatures(folder)}`,
      `TemporaryDirectory ${folder}`,
      "Foreground yes",
      ...config,
    ];
    writeFileSync(this.#config, `${lines.join("\n")}\n`);
  }

  static async start(options: ClamdOptions = {}): Promise<Clamd> {
    const server = new Clamd(mkdtempSync(join(tmpdir(), "goodmailto-clamd-")), await freePort(), options);
    await server.start();
    return server;
  }

  /** 0: it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, again after {@link kill}. */
  async start(): Promise<void> {
    const env = { ...process.env, PATH: programs };
    const child = spawn("clamd", ["-c", this.#config], { stdio: ["ignore", "pipe", "pipe"], env });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    const end = Date.now() + startDeadline;
    while (!(await answers(this.path)) || !(await answers(this.port))) {
      if (Date.now() > end || child.exitCode !== null) {
        throw new Error(`clamd does not answer:\n${this.#output}`);
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

  /** It takes connections and some bytes, and answers nothing. */
  freeze(): void {
    if (this.#child?.pid !== undefined) {
      freezeProcess(this.#child.pid);
    }
  }

  /** Ends a {@link freeze}. */
  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whether it says PONG within half a second. */
async function answers(place: string | number): Promise<boolean> {
  const socket = typeof place === "string" ? connect(place) : connect(place, "127.0.0.1");
  try {
    socket.write("zPING\0");
    const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(500) })) as [Buffer];
    return chunk.toString() === "PONG\0";
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
