/** The command line: one table of verbs. A verb's code is loaded when it is called: the relay never holds the sync's. */
// oxlint-disable-next-line import/no-unassigned-import -- what counts is that it comes first
import "./hold-hangups.js";

import { Command, CommanderError } from "commander";

import { exit } from "./ops/exit.ts";
import { tolerateLostReaders } from "./ops/lost-reader.ts";
import { version } from "./ops/version.ts";

const verbs: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./commands/serve.ts")).serveCommand(),
  sync: async () => (await import("./commands/sync.ts")).syncCommand(),
  publish: async () => (await import("./commands/publish.ts")).publishCommand(),
  pull: async () => (await import("./commands/pull.ts")).pullCommand(),
  export: async () => (await import("./commands/export.ts")).exportCommand(),
  import: async () => (await import("./commands/import.ts")).importCommand(),
  keygen: async () => (await import("./commands/keygen.ts")).keygenCommand(),
  check: async () => (await import("./commands/check.ts")).checkCommand(),
  status: async () => (await import("./commands/status.ts")).statusCommand(),
  probe: async () => (await import("./commands/probe.ts")).probeCommand(),
  history: async () => (await import("./commands/history.ts")).historyCommand(),
  diff: async () => (await import("./commands/diff.ts")).diffCommand(),
  explain: async () => (await import("./commands/explain.ts")).explainCommand(),
  rollback: async () => (await import("./commands/rollback.ts")).rollbackCommand(),
  observe: async () => (await import("./commands/observe.ts")).observeCommand(),
  deliverabled: async () => (await import("./commands/deliverabled.ts")).deliverabledCommand(),
  config: async () => (await import("./commands/config.ts")).configCommand(),
  checks: async () => (await import("./commands/checks.ts")).checksCommand(),
  blacklist: async () => (await import("./commands/blacklist.ts")).blacklistCommand(),
  passwd: async () => (await import("./commands/passwd.ts")).passwdCommand(),
  tls: async () => (await import("./commands/tls.ts")).tlsCommand(),
  checkpassword: async () => (await import("./commands/checkpassword.ts")).checkpasswordCommand(),
  demo: async () => (await import("./commands/demo.ts")).demoCommand(),
};

/** All of them for --help, and for a word that is no verb. */
function askedOf(word: string): readonly (() => Promise<Command>)[] {
  const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (verb !== undefined) {
    return [verb];
  }
  return word === "--version" || word === "-V" ? [] : Object.values(verbs);
}

/** Commander's own errors are thrown, so that the exit code is chosen here. */
function throwing(command: Command): Command {
  command.exitOverride();
  command.commands.forEach((inner) => throwing(inner));
  return command;
}

async function run(): Promise<void> {
  const program = new Command("goodmailto")
    .description("Refuses unknown recipients in front of a mail server, from a snapshot of its directory")
    .version(version)
    .enablePositionalOptions()
    .exitOverride();
  for (const load of askedOf(process.argv[2] ?? "")) {
    program.addCommand(throwing(await load()));
  }
  await program.parseAsync();
}

tolerateLostReaders();
try {
  await run();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exit.ok : exit.usage;
  } else {
    process.stderr.write(`goodmailto: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exit.software;
  }
}
