/** The command line: one table of verbs. */
import { Command } from "commander";

import { checkCommand } from "./commands/check.ts";
import { checksCommand } from "./commands/checks.ts";
import { configCommand } from "./commands/config.ts";
import { demoCommand } from "./commands/demo.ts";
import { exit } from "./commands/exit.ts";
import { serveCommand } from "./commands/serve.ts";
import { statusCommand } from "./commands/status.ts";
import { syncCommand } from "./commands/sync.ts";

const verbs = [serveCommand, syncCommand, checkCommand, statusCommand, configCommand, checksCommand, demoCommand];

const program = new Command("goodmailto")
  .description("Refuses unknown recipients in front of a mail server, from a snapshot of its directory")
  .version("2.0.0")
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text) });
for (const verb of verbs) {
  const command = verb();
  // Subcommands inherit only what is set before they are added.
  for (const each of [command, ...command.commands]) {
    each.exitOverride();
  }
  program.addCommand(command);
}

try {
  await program.parseAsync();
} catch (error) {
  const { code, exitCode, message } = error as { code?: string; exitCode?: number; message?: string };
  if (code?.startsWith("commander.") === true) {
    process.exitCode = exitCode === 0 ? exit.ok : exit.usage;
  } else {
    process.stderr.write(`goodmailto: ${message ?? String(error)}\n`);
    process.exitCode = exit.software;
  }
}
