/** Runs a verb and chooses the exit code. */
import { CommanderError } from "commander";

import { exit } from "./ops/exit.ts";
import { tolerateLostReaders } from "./ops/lost-reader.ts";
import { createProgram } from "./verbs.ts";

/** Does what the command line says. */
export async function run(): Promise<void> {
  tolerateLostReaders();
  // Everything is done and written: the system takes memory back at once, and Node piece by piece.
  process.once("beforeExit", () => process.exit());
  try {
    const program = await createProgram(process.argv[2] ?? "");
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exit.ok : exit.usage;
    } else {
      process.stderr.write(`goodmailto: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = exit.software;
    }
  }
}
