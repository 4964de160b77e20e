/**
 * The load generator: the C program if there is a compiler, else a thread of Node. One figure of each run: operations a
 * second.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

const run = promisify(execFile);

/** One load. Options have the names of smtpload's. */
export interface Load {
  readonly mode: "reject" | "mixed" | "session" | "deliver" | "idle";
  readonly options: Readonly<Record<string, string | number>>;
}

/** What a run came to; more figures where the C program made it. */
export interface Result {
  readonly ops_per_s: number;
  readonly p50_ms: number;
  readonly violations: number;
  readonly drops: number;
  readonly timeouts: number;
  readonly verdict_p50_ms?: number;
  readonly server_cpu_s_per_1k?: number;
  readonly pss_kb_per_conn?: number;
  readonly pss_with_idle_kb?: number;
  readonly idle_ready?: number;
  readonly client_cpu_frac?: number;
  readonly ops?: number;
  readonly codes?: Readonly<Record<string, number>>;
}

/** Runs loads. */
export interface Generator {
  readonly kind: "C" | "Node";
  /** The C program, for loads that are longer than a measurement. */
  readonly program?: string;
  /** @throws Error if the load could not be run at all */
  measure(load: Load): Promise<Result>;
  /** A next hop that takes everything; undefined if there is no compiler. */
  sink(port: number, options?: readonly string[]): Promise<ChildProcess | undefined>;
}

/** Builds it in a folder. Nothing is installed. */
export async function buildGenerator(folder: string): Promise<Generator> {
  const program = join(folder, "smtpload");
  try {
    await run("cc", ["-O2", "-o", program, join(import.meta.dirname, "smtpload.c")], { timeout: 60_000 });
  } catch {
    return { kind: "Node", measure: measureInThread, sink: () => Promise.resolve(undefined) };
  }
  return {
    kind: "C",
    program,
    measure: (load) => measureWith(program, load),
    sink: async (port, options = []) => {
      const words = ["serve", "--port", String(port), ...options];
      const child = spawn(program, words, { stdio: ["ignore", "inherit", "pipe"] });
      await once(child.stderr, "data", { signal: AbortSignal.timeout(20_000) });
      return child;
    },
  };
}

async function measureWith(program: string, { mode, options }: Load): Promise<Result> {
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(program, [mode, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, complaints] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), 240_000);
  await once(child, "close");
  clearTimeout(timer);
  if (!out.startsWith("{")) {
    throw new Error(`The load generator failed: ${complaints}`);
  }
  const result = JSON.parse(out) as Result;
  if (complaints !== "") {
    process.stderr.write(complaints);
  }
  return result;
}

async function measureInThread(load: Load): Promise<Result> {
  const worker = new Worker(new URL("load-thread.ts", import.meta.url), { workerData: load });
  const [result] = (await once(worker, "message", { signal: AbortSignal.timeout(240_000) })) as [Result];
  await worker.terminate();
  return result;
}
