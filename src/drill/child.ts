/** `goodmailto` as a process of its own: with nothing of this environment, an end that is sure to come, and any clock. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Octets of each stream that are kept. */
const mostOutput = 1_048_576;
/** ms between SIGTERM and SIGKILL. */
const patience = 5000;

/** Those that run: none of them may outlive this process. */
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** How it ended. */
export interface Ended {
  /** 128: it was killed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One process. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<number>;
  #stdout = "";
  #stderr = "";
  #over = false;

  /** @param ahead ms that its clock is ahead; negative: behind */
  constructor(words: readonly string[], ahead = 0) {
    this.#process = spawn(process.execPath, [process.argv[1] ?? "", ...words], {
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", ...clockOf(ahead) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(this.#process);
    const add = (text: string, chunk: Buffer): string =>
      text.length > mostOutput ? text : text + chunk.toString("utf8");
    this.#process.stdout?.on("data", (chunk: Buffer) => (this.#stdout = add(this.#stdout, chunk)));
    this.#process.stderr?.on("data", (chunk: Buffer) => (this.#stderr = add(this.#stderr, chunk)));
    this.#ended = once(this.#process, "close").then(
      ([code]) => {
        this.#end();
        return typeof code === "number" ? code : 128;
      },
      (error: unknown) => {
        this.#end();
        this.#stderr += String(error);
        return 128;
      },
    );
  }

  #end(): void {
    this.#over = true;
    running.delete(this.#process);
  }

  /** What it has said on standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Waits for its end; it is killed after so many ms. */
  async end(ms: number): Promise<Ended> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), ms);
    const code = await this.#ended;
    clearTimeout(timer);
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** Ends it. */
  stop(): Promise<Ended> {
    this.#process.kill("SIGTERM");
    return this.end(patience);
  }
}

/** The machine's own clock is not touched: the process, and what it starts, sees another one. */
function clockOf(ahead: number): Readonly<Record<string, string>> {
  if (ahead === 0) {
    return {};
  }
  const code = `
    const Right = Date;
    const now = () => Right.now() + ${ahead};
    globalThis.Date = new Proxy(Right, {
      construct: (target, words, as) => Reflect.construct(target, words.length === 0 ? [now()] : words, as === globalThis.Date ? target : as),
      apply: () => new Right(now()).toString(),
      get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
    });
    performance.timeOrigin;
    Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + ${ahead} });`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}
