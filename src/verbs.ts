/** The command line: one table of verbs. A verb's code is loaded when it is called: the relay never holds the sync's. */
import { Command } from "commander";

import { exampleText } from "./examples.ts";
import { version } from "./ops/version.ts";

const verbs: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import("./commands/init.ts")).initCommand(),
  serve: async () => (await import("./commands/serve.ts")).serveCommand(),
  sync: async () => (await import("./commands/sync.ts")).syncCommand(),
  publish: async () => (await import("./commands/publish.ts")).publishCommand(),
  pull: async () => (await import("./commands/pull.ts")).pullCommand(),
  export: async () => (await import("./commands/export.ts")).exportCommand(),
  import: async () => (await import("./commands/import.ts")).importCommand(),
  keygen: async () => (await import("./commands/keygen.ts")).keygenCommand(),
  check: async () => (await import("./commands/check.ts")).checkCommand(),
  status: async () => (await import("./commands/status.ts")).statusCommand(),
  top: async () => (await import("./commands/top.ts")).topCommand(),
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand(),
  drill: async () => (await import("./commands/drill.ts")).drillCommand(),
  probe: async () => (await import("./commands/probe.ts")).probeCommand(),
  history: async () => (await import("./commands/history.ts")).historyCommand(),
  diff: async () => (await import("./commands/diff.ts")).diffCommand(),
  explain: async () => (await import("./commands/explain.ts")).explainCommand(),
  trace: async () => (await import("./commands/trace.ts")).traceCommand(),
  summary: async () => (await import("./commands/summary.ts")).summaryCommand(),
  rollback: async () => (await import("./commands/rollback.ts")).rollbackCommand(),
  canary: async () => (await import("./commands/canary.ts")).canaryCommand(),
  observe: async () => (await import("./commands/observe.ts")).observeCommand(),
  deliverabled: async () => (await import("./commands/deliverabled.ts")).deliverabledCommand(),
  scim: async () => (await import("./commands/scim.ts")).scimCommand(),
  config: async () => (await import("./commands/config.ts")).configCommand(),
  checks: async () => (await import("./commands/checks.ts")).checksCommand(),
  blacklist: async () => (await import("./commands/blacklist.ts")).blacklistCommand(),
  blocked: async () => (await import("./commands/blocked.ts")).blockedCommand(),
  unblock: async () => (await import("./commands/unblock.ts")).unblockCommand(),
  passwd: async () => (await import("./commands/passwd.ts")).passwdCommand(),
  tls: async () => (await import("./commands/tls.ts")).tlsCommand(),
  checkpassword: async () => (await import("./commands/checkpassword.ts")).checkpasswordCommand(),
  demo: async () => (await import("./commands/demo.ts")).demoCommand(),
};

/** The names of all verbs, in the order of the help text. */
export const verbNames: readonly string[] = Object.keys(verbs);

/** All of them for --help, and for a word that is no verb. */
function askedOf(word: string): readonly (() => Promise<Command>)[] {
  const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (verb !== undefined) {
    return [verb];
  }
  return word === "--version" || word === "-V" ? [] : Object.values(verbs);
}

/** Examples below the help text of each, and errors of commander are thrown, so that the exit code is chosen elsewhere. */
function complete(command: Command, path: string): Command {
  command.exitOverride();
  const examples = exampleText(path);
  if (examples !== "") {
    command.addHelpText("after", examples);
  }
  command.commands.forEach((inner) => complete(inner, `${path} ${inner.name()}`));
  return command;
}

/** The program with the verbs that these words may need. @param word the first word of the command line; "" for all verbs */
export async function createProgram(word: string): Promise<Command> {
  const program = new Command("goodmailto")
    .description("Refuses unknown recipients in front of a mail server, from a snapshot of its directory")
    .version(version)
    .enablePositionalOptions()
    .exitOverride();
  for (const load of askedOf(word)) {
    const command = await load();
    program.addCommand(complete(command, command.name()));
  }
  return program;
}
