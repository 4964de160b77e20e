/**
 * What a program prints, as the text of a source. It counts only if the program exits with 0 in time: half an output is
 * no output.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

import type { SourceSettings } from "../../src/config/schema.ts";
import { printable } from "../../src/mail/reply.ts";
import { killGroup } from "../../src/spp/program.ts";
import { longestTimer } from "../../src/wait/within.ts";
import { SourceFault } from "../source.ts";
import type { OpenText } from "./lines.ts";

/** Of what a program says on standard error. */
const maxWords = 2000;

/** Programs at work, by process group: none outlives this process. */
const running = new Set<number>();
process.once("exit", () => running.forEach((pid) => killGroup(pid, "SIGKILL")));

/** Runs the program of a source each time it is opened, in a process group of its own. */
export function outputOf({ command, timeout }: Pick<SourceSettings, "command" | "timeout">): OpenText {
  const [program = "", ...words] = command;
  return (signal) => {
    const late = AbortSignal.timeout(Math.min(timeout, longestTimer));
    const stop = AbortSignal.any([signal, late]);
    const child = spawn(program, words, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    return Promise.resolve({ file: program, text: output(child, program, stop, () => lateWords(late, timeout)) });
  };
}

function lateWords(late: AbortSignal, timeout: number): string {
  return late.aborted ? `did not exit within ${timeout / 1000} s` : "was stopped";
}

async function* output(
  child: ChildProcess,
  program: string,
  stop: AbortSignal,
  why: () => string,
): AsyncGenerator<string> {
  const { pid } = child;
  const ended = once(child, "close", { signal: stop }).catch((error: unknown) => error);
  const words = listen(child);
  // One that could not be started has none, and 0 would be the group of this process.
  const kill = (): void => (pid === undefined ? undefined : killGroup(pid, "SIGKILL"));
  stop.addEventListener("abort", kill, { once: true });
  if (pid !== undefined) {
    running.add(pid);
  }
  try {
    child.stdout?.setEncoding("utf8");
    for await (const chunk of child.stdout ?? []) {
      yield String(chunk);
    }
    const end = await ended;
    if (stop.aborted) {
      throw new SourceFault("timeout", `Command "${program}" ${why()}`);
    }
    const fault = faultOf(child, program, end, words);
    if (fault !== undefined) {
      throw fault;
    }
  } finally {
    stop.removeEventListener("abort", kill);
    if (pid !== undefined) {
      running.delete(pid);
    }
    // Its children too, and itself if the text was not read to its end.
    kill();
  }
}

/** What is wrong with how it ended; undefined: nothing. @param end the error if it could not be started, else anything */
function faultOf(child: ChildProcess, program: string, end: unknown, words: () => string): SourceFault | undefined {
  if (end instanceof Error) {
    return new SourceFault("unreadable", `Cannot run "${program}": ${end.message}`, { cause: end });
  }
  const { exitCode: code, signalCode: by } = child;
  const how = code === null ? `was ended by ${by ?? "a signal"}` : `exited with ${code}`;
  return code === 0 ? undefined : new SourceFault("incomplete", `Command "${program}" ${how}${words()}`);
}

/** The last line that a program said on standard error, as the end of a sentence. */
function listen({ stderr }: ChildProcess): () => string {
  let said = "";
  stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString("utf8")}`.slice(-maxWords);
  });
  stderr?.on("error", () => undefined);
  return () => {
    const last = said.trim().split("\n").at(-1) ?? "";
    return last === "" ? "" : `: ${printable(last).slice(0, 200)}`;
  };
}
