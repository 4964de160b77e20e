/** Standard output whose reader went away (`goodmailto … | head -1`): the verb continues to its end silently. */
import { exit } from "./exit.ts";

/** For every verb, before it writes anything. Its exit code stays what it would have been. */
export function tolerateLostReaders(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") {
      // ENOSPC where the output goes into a file: what is there is incomplete.
      process.stderr.write(`goodmailto: cannot write the output: ${error.message}\n`);
      process.exit(exit.temporary);
    }
  });
  // Nobody is left to report to.
  process.stderr.on("error", () => undefined);
}

/** Resolves when standard output has lost its reader, for a verb that only ends when it is stopped. */
export function lostReader(): Promise<void> {
  return new Promise((resolve) => process.stdout.once("error", () => resolve()));
}
