/** Completion in zsh. */
import type { Command } from "commander";

import { entriesOf } from "./entries.ts";
import type { Entry } from "./entries.ts";

/** The file vendor-completions/_goodmailto. */
export function zshCompletion(program: Command): string {
  const entries = entriesOf(program);
  const list = program.commands.map((command) => `'${command.name()}:${quoted(command.description())}'`);
  const deeper = entries
    .filter(({ path }) => path.includes(" "))
    .map(({ path }) => `    '${path}') (( CURRENT > 3 )) && verb='${path}' ;;`);
  return `#compdef goodmailto
# zsh completion of goodmailto
_goodmailto() {
  local -a verbs
  verbs=(${list.join(" ")})
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  local verb=$words[2]
  case "$words[2] $words[3]" in
${deeper.join("\n")}
  esac
  shift words
  (( CURRENT-- ))
  case $verb in
${entries.map(caseOf).join("\n")}
  esac
}
_goodmailto "$@"
`;
}

/** A text between single quotes, without what _arguments and _describe take for their own. */
function quoted(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, "\\$&").replaceAll("'", "'\\''");
}

function caseOf({ path, verbs, options }: Entry): string {
  const specs = options.map(({ long, takes, description, choices }) => {
    const value = choices.length > 0 ? `:value:(${choices.join(" ")})` : takes ? ":value:_files" : "";
    return `'*${long}[${quoted(description)}]${value}'`;
  });
  const rest = verbs.length === 0 ? "'*:file:_files'" : `'*:verb:(${verbs.map((verb) => verb.name()).join(" ")})'`;
  return `    '${path}') _arguments ${[...specs, "'--help[display help]'", rest].join(" ")} ;;`;
}
