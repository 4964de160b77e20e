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
  const kill = (): void => (pid === undefined ? undefined : killGroup(pid, "SIGKILL"));
  stop.addEventListener("abort", kill, { once: true });
  running.add(pid ?? 0);
  try {
    child.stdout?.setEncoding("utf8");
    for await (const chunk of child.stdout ?? []) {
      yield String(chunk);
    }
    const end = await ended;
    if (stop.aborted) {
      throw new SourceFault("timeout", `Command "${program}" ${why()}`);
    }
    if (end instanceof Error) {
      throw new SourceFault("unreadable", `Cannot run "${program}": ${end.message}`, { cause: end });
    }
    if (child.exitCode !== 0) {
      const how =
        child.exitCode === null ? `was ended by ${child.signalCode ?? "a signal"}` : `exited with ${child.exitCode}`;
      throw new SourceFault("incomplete", `Command "${program}" ${how}${words()}`);
    }
  } finally {
    stop.removeEventListener("abort", kill);
    running.delete(pid ?? 0);
    // Its children too, and itself if the text was not read to its end.
    kill();
  }
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
