/** Runs a program once, with a file as its standard input, in a process group of its own that ends with it. */
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

import { printable } from "../mail/reply.ts";
import { killGroup } from "../spp/program.ts";

/** How a program ended. */
export interface Ended {
  /** Undefined: by a signal, or it could not be started. */
  readonly code: number | undefined;
  /** What it said last on standard error, or why it did not run; for the log. */
  readonly words: string;
}

/** Of what a program says on standard error. */
const maxWords = 2000;

/** Programs at work, by process group: none outlives this process. */
const running = new Set<number>();
process.once("exit", () => running.forEach((pid) => killGroup(pid, "SIGKILL")));

/**
 * Rejects never.
 * @param words program and arguments; no shell
 * @param input a descriptor, read from where it stands
 * @param signal kills the program and its children
 */
export function runProgram(
  [program = "", ...words]: readonly string[],
  environment: Readonly<Record<string, string>>,
  input: number,
  signal: AbortSignal,
): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  if (signal.aborted) {
    return Promise.resolve({ code: undefined, words: "no time left" });
  }
  const child = spawn(program, words, {
    cwd: "/",
    env: environment,
    detached: true,
    stdio: [input, "ignore", "pipe"],
  });
  const { pid, stderr } = child;
  const lastLine = listen(stderr);
  const kill = (): void => (pid === undefined ? undefined : killGroup(pid, "SIGKILL"));
  signal.addEventListener("abort", kill, { once: true });
  child.once("error", (error) => resolve({ code: undefined, words: `cannot start: ${error.message}` }));
  child.once("exit", (code, name) => {
    signal.removeEventListener("abort", kill);
    running.delete(pid ?? 0);
    // What it left behind is not to go on with a message that nobody answers for.
    kill();
    setImmediate(() => {
      stderr?.destroy();
      const last = lastLine();
      const how = code === null ? `ended by ${name ?? "a signal"}` : `exit ${code}`;
      resolve({ code: code ?? undefined, words: last === "" ? how : `${how}: ${printable(last).slice(0, 200)}` });
    });
  });
  if (pid !== undefined) {
    running.add(pid);
  }
  return promise;
}

/** The last line that a program said. */
function listen(errors: Readable | null): () => string {
  let said = "";
  errors?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString("utf8")}`.slice(-maxWords);
  });
  errors?.on("error", () => undefined);
  return () => said.trim().split("\n").at(-1) ?? "";
}
