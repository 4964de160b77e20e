/** What may stand on a command line, from its own declaration. */
import type { Command } from "commander";

/** A verb, or a verb of a verb, with what may follow it. */
export interface Entry {
  /** "check", "config check" */
  readonly path: string;
  readonly description: string;
  readonly verbs: readonly Command[];
  readonly options: readonly CompletedOption[];
}

/** One option. */
export interface CompletedOption {
  readonly long: string;
  readonly short: string | undefined;
  /** Whether a value follows. */
  readonly takes: boolean;
  readonly description: string;
  readonly choices: readonly string[];
}

/** All of them. */
export function entriesOf(program: Command): readonly Entry[] {
  return program.commands.flatMap((command) => below(command, command.name()));
}

/** Names with blanks between them. */
export function namesOf(commands: readonly Command[]): string {
  return commands.map((command) => command.name()).join(" ");
}

function below(command: Command, path: string): Entry[] {
  const verbs = command.commands.filter((inner) => inner.name() !== "help");
  const options = command.options.map((option) => ({
    long: option.long ?? "",
    short: option.short,
    takes: option.required || option.optional,
    description: option.description,
    choices: option.argChoices ?? [],
  }));
  const own = { path, description: command.description(), verbs, options };
  return [own, ...verbs.flatMap((inner) => below(inner, `${path} ${inner.name()}`))];
}
