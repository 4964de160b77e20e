/** Completion of verbs and options in three shells. */
import { createProgram } from "../../src/verbs.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

/** One shell's file, by its path below /usr/share. */
export interface Completion {
  readonly path: string;
  readonly text: string;
}

/** Of the three shells. */
export async function completions(): Promise<readonly Completion[]> {
  const program = await createProgram("");
  return [
    { path: "bash-completion/completions/goodmailto", text: bashCompletion(program) },
    { path: "zsh/vendor-completions/_goodmailto", text: zshCompletion(program) },
    { path: "fish/vendor_completions.d/goodmailto.fish", text: fishCompletion(program) },
  ];
}
