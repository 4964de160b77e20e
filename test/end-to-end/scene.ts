/** Real processes for the end-to-end tests: `goodmailto` as a person starts it, in a folder of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { SmtpClient } from "../fakes/smtp-client.ts";
import { main } from "../program.ts";

/** Where the project lies. */
export const project = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
/** The project's own Node. */
export const node = process.execPath;
/** No wait of these tests is longer, in ms. */
const patience = 20_000;

/** What a program came to. A signal counts as 128. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export class Program {
  readonly child: ChildProcess;
  readonly #done: Promise<number>;
  #stdout = "";
  #stderr = "";
  #closed = false;
  readonly #watchers = new Set<() => void>();

  constructor(command: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const env = { ...process.env, ...environment };
    this.child = spawn(command, words, { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk: Buffer) => this.#add(() => (this.#stdout += chunk.toString())));
    this.child.stderr?.on("data", (chunk: Buffer) => this.#add(() => (this.#stderr += chunk.toString())));
    this.#done = once(this.child, "close").then(([code]) => {
      this.#add(() => (this.#closed = true));
      return (code as number | null) ?? 128;
    });
    // Where it cannot even be started, `ended` says so.
    this.#done.catch(() => undefined);
  }

  #add(change: () => void): void {
    change();
    for (const watcher of this.#watchers) {
      watcher();
    }
  }

  /** Both streams so far, standard error last. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Waits for words in the output. @throws Error if they do not come */
  until(pattern: RegExp, ms = patience): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        end();
      };
      const fail = (): void => settle(() => reject(new Error(`No ${String(pattern)} in:\n${this.output}`)));
      const timer = setTimeout(fail, ms);
      const look = (): void => {
        const found = pattern.exec(this.output);
        if (found !== null) {
          settle(() => resolve(found));
        } else if (this.#closed) {
          fail();
        }
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Waits for the end. @throws Error if it does not come; the program is then killed */
  async ended(ms = patience): Promise<Ended> {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), ms);
    const code = await this.#done;
    clearTimeout(timer);
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<Ended> {
    if (!this.#closed) {
      this.child.kill("SIGTERM");
    }
    return this.ended();
  }
}

/** Folder and programs of one test, all gone at its end. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), "goodmailto-e2e-"));
  readonly #programs: Program[] = [];

  /** Writes a file into the folder and returns its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Starts `goodmailto` with these words. */
  start(...words: string[]): Program {
    return this.run(node, [main, ...words]);
  }

  /** Starts any program. */
  run(command: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
    const program = new Program(command, words, environment);
    this.#programs.push(program);
    return program;
  }

  /** Runs `goodmailto` to its end. */
  call(...words: string[]): Promise<Ended> {
    return this.start(...words).ended();
  }

  /** Starts `serve` and waits until it listens. */
  async serve(config: string): Promise<{ readonly program: Program; readonly port: number }> {
    const program = this.start("serve", "--config", config);
    const [, port] = await program.until(/relay: ready listen=\S*?:(\d+)/);
    return { program, port: Number(port) };
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    for (const { child } of this.#programs) {
      child.kill("SIGTERM");
    }
    await Promise.all(this.#programs.map((program) => program.ended(8000)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a test's configuration needs beside its own words. */
export interface Plan {
  readonly hop: number;
  /** Fixed port; 0: any. */
  readonly port?: number;
  /** More keys of `[smtp]`. */
  readonly smtp?: string;
  /** More sections. */
  readonly more?: string;
}

/** A configuration like a real site's, on loopback. */
export function configOf({ hop, port = 0, smtp = "", more = "" }: Plan): string {
  const listen = smtp.includes("listen =") ? "" : `listen = ["127.0.0.1:${port}"]`;
  return `
[smtp]
${listen}
hostname = "mx.kontor.example"
greeting_delay = "0ms"
shutdown_timeout = "10s"
${smtp}

[domains]
relay = ["kontor.example"]
aliases = { "kontor.test" = "kontor.example" }

[snapshot]
path = "snapshot.sqlite"

[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop}"
timeout = "5s"

${more}
`;
}

/** Asks again and again until it holds. @throws Error with the last answer */
export async function until<T>(ask: () => T | Promise<T>, holds: (answer: T) => boolean, ms = patience): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) {
      return answer;
    }
    if (Date.now() > end) {
      throw new Error(`Not so within ${ms} ms, last: ${JSON.stringify(answer)}`);
    }
    await sleep(20);
  }
}

/** What a relay answers to one recipient; "(closed)" if it ends the session. */
export async function answerTo(port: number, recipient: string): Promise<string> {
  const client = await SmtpClient.open(port);
  try {
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@sender.example>");
    return (await client.command(`RCPT TO:<${recipient}>`)) ?? "(closed)";
  } finally {
    client.close();
  }
}
