/** Runs a program once for a message, through the process that starts all programs: src/spp/launcher.ts. */
import { printable } from "../mail/reply.ts";
import { launch } from "../spp/launcher.ts";

/** How a program ended. */
export interface Ended {
  /** Undefined: by a signal, or it could not be started. */
  readonly code: number | undefined;
  /** What it said last on standard error, or why it did not run; for the log. */
  readonly words: string;
}

/** What to run. */
export interface Errand {
  /** Program and arguments; no shell. */
  readonly words: readonly string[];
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Path of the file that is its standard input. */
  readonly input: string;
}

/** Bytes of what a program says on standard error; what comes after them is not read. */
const maxWords = 65_536;

/**
 * Rejects never. What a program leaves behind that has ended by itself is its own business: it may be what delivers.
 * @param signal ends the program and its children
 */
export function runProgram({ words, environment, input }: Errand, signal: AbortSignal): Promise<Ended> {
  if (signal.aborted) {
    return Promise.resolve({ code: undefined, words: "no time left" });
  }
  const [program = "", ...rest] = words;
  const plugin = { line: program, file: program, argv: [program, ...rest] as const };
  const said: Uint8Array[] = [];
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const kill = launch({ plugin, home: "/", environment, input, maxOutput: maxWords }, (report) => {
    switch (report.kind) {
      case "output":
        break;
      case "errors":
        said.push(report.chunk);
        break;
      case "failed":
        resolve({ code: undefined, words: `cannot start: ${report.why}` });
        break;
      case "ended": {
        const how = report.code === null ? `ended by ${report.signal ?? "a signal"}` : `exit ${report.code}`;
        resolve({ code: report.code ?? undefined, words: [how, ...lastLine(said)].join(": ") });
        break;
      }
    }
  });
  signal.addEventListener("abort", kill, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", kill));
}

function lastLine(said: readonly Uint8Array[]): string[] {
  const last = Buffer.concat(said).toString("utf8").trim().split("\n").at(-1) ?? "";
  return last === "" ? [] : [printable(last).slice(0, 200)];
}
