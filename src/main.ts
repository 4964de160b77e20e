/** Runs a verb and chooses the exit code. */
// oxlint-disable-next-line import/no-unassigned-import -- what counts is that it comes first
import "./hold-hangups.js";

import { CommanderError } from "commander";

import { exit } from "./ops/exit.ts";
import { tolerateLostReaders } from "./ops/lost-reader.ts";
import { createProgram } from "./verbs.ts";

tolerateLostReaders();
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
