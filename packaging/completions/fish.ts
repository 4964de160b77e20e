/** Completion in fish. */
import type { Command } from "commander";

import { entriesOf, namesOf } from "./entries.ts";
import type { CompletedOption, Entry } from "./entries.ts";

/** The file vendor_completions.d/goodmailto.fish. */
export function fishCompletion(program: Command): string {
  const first = program.commands.map(
    (command) =>
      `complete -c goodmailto -n __fish_use_subcommand -f -a ${command.name()} -d ${quoted(command.description())}`,
  );
  return `# fish completion of goodmailto\n${[...first, ...entriesOf(program).flatMap(linesOf)].join("\n")}\n`;
}

function quoted(words: string): string {
  return `'${words.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function linesOf({ path, verbs, options }: Entry): string[] {
  const seen = path
    .split(" ")
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join("; and ");
  const free = `${seen}; and not __fish_seen_subcommand_from ${namesOf(verbs)}`;
  return [
    ...verbs.map((verb) => `complete -c goodmailto -n '${free}' -f -a ${verb.name()} -d ${quoted(verb.description())}`),
    ...options.map((option) => `complete -c goodmailto -n '${seen}'${wordsOf(option)}`),
  ];
}

function wordsOf({ long, short, takes, description, choices }: CompletedOption): string {
  const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(" "))}` : takes ? " -r" : "";
  const letter = short === undefined ? "" : ` -s ${short.slice(1)}`;
  return `${letter} -l ${long.slice(2)}${value} -d ${quoted(description)}`;
}
