/** Why a relay cannot start, in words and as an exit code. */
import { exit } from "../ops/exit.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { FileFault } from "./file-fault.ts";

const hints: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken by another program",
  EACCES: "no right to listen there; see goodmailto.socket",
};
const unavailable = new Set(["EADDRINUSE", "EACCES", "EPERM"]);

/** A start-up error in one line, and the exit code that fits. */
export function explainStart(error: unknown, log: Log): number {
  const [code, message] = [errorCode(error), errorMessage(error)];
  if (error instanceof FileFault) {
    process.stderr.write(`${message}\n`);
    return exit.config;
  }
  // A Unix socket's message says it itself.
  const isPort = typeof error === "object" && error !== null && "syscall" in error;
  const hint = isPort ? (hints[code] ?? "") : "";
  log.error("relay", "cannot start", { why: message, ...(hint === "" ? {} : { hint }) });
  return unavailable.has(code) ? exit.unavailable : exit.software;
}
