/** Pushes a snapshot by a program (rsync, ssh): "{file}" in its words is the path, and its standard input the file. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";

import { killGroup } from "../../src/spp/program.ts";

/** What a program says at its end is for the log; more is thrown away. */
const maxText = 2000;

/** Runs it. No shell: a word is a word. @throws Error if it ends otherwise than with 0, or not in time */
export async function runCommand(command: readonly string[], path: string, signal: AbortSignal): Promise<void> {
  const [program = "", ...words] = command.map((word) => word.replaceAll("{file}", path));
  signal.throwIfAborted();
  const input = openSync(path, "r");
  let text = "";
  try {
    // A group of its own: ssh under rsync must end with it.
    const child = spawn(program, words, { stdio: [input, "ignore", "pipe"], detached: true });
    const kill = (): void => {
      if (child.pid !== undefined) {
        killGroup(child.pid, "SIGKILL");
      }
    };
    signal.addEventListener("abort", kill, { once: true });
    child.stderr?.on("data", (chunk: Buffer) => {
      text = text.length > maxText ? text : text + chunk.toString("utf8");
    });
    try {
      await once(child, "close");
      const { exitCode: code, signalCode: by } = child;
      if (code !== 0) {
        const how = signal.aborted ? "it did not end in time" : code === null ? `killed by ${by}` : `exit ${code}`;
        throw new Error(`Cannot push by "${program}": ${how} ${lastLine(text)}`.trimEnd());
      }
    } finally {
      signal.removeEventListener("abort", kill);
    }
  } finally {
    closeSync(input);
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
}
