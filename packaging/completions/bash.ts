/** Completion in bash. */
import type { Command } from "commander";

import { entriesOf, namesOf } from "./entries.ts";
import type { Entry } from "./entries.ts";

/** The file bash-completion/completions/goodmailto. */
export function bashCompletion(program: Command): string {
  const entries = entriesOf(program);
  const deeper = entries
    .filter(({ path }) => path.includes(" "))
    .map(({ path }) => `      "${path}") path="${path}" ;;`);
  return `# bash completion of goodmailto
_goodmailto() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
    -*) break ;;
    *)
      case "$path $word" in
${deeper.join("\n")}
      *) [ -n "$path" ] || path=$word ;;
      esac
      ;;
    esac
  done
  case "$path $before" in
${entries.flatMap(choicesOf).join("\n")}
  esac
  case $before in
  ${withFiles(entries).join(" | ")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case $path in
    "") words="${namesOf(program.commands)} --help --version" ;;
${entries.map(wordsOf).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _goodmailto goodmailto
`;
}

function wordsOf({ path, verbs, options }: Entry): string {
  const all = [namesOf(verbs), ...options.map(({ long }) => long), "--help"].filter((word) => word !== "");
  return `    "${path}") words="${all.join(" ")}" ;;`;
}

function choicesOf({ path, options }: Entry): string[] {
  return options
    .filter(({ choices }) => choices.length > 0)
    .map(({ long, choices }) => {
      return `    "${path} ${long}") COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$current")); return ;;`;
    });
}

/** Options with a value that may be anything: files are offered. */
function withFiles(entries: readonly Entry[]): readonly string[] {
  const options = entries
    .flatMap((entry) => entry.options)
    .filter(({ takes, choices }) => takes && choices.length === 0);
  return [...new Set(options.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short])))];
}
