/** Walks over TOML text without a grammar, to find the brackets that the parser could not match. */
import type { Position } from "./fault.ts";

/** A bracket that is open. */
export interface Opened extends Position {
  readonly bracket: "[" | "{";
}

/** Texts and comments whole, so that brackets in them do not count; then what does. */
const tokens =
  /"""(?:[^"\\]|\\[^]|"(?!""))*(?:"""|$)|'''(?:[^']|'(?!''))*(?:'''|$)|"(?:[^"\\\n]|\\[^\n])*"?|'[^'\n]*'?|#[^\n]*|\n|[[\]{}]|[^\s[\]{}"'#]+/g;

/** The brackets that are open at the beginning of a line. */
export function openedBefore(text: string, until: number): readonly Opened[] {
  const open: Opened[] = [];
  for (const { token, line, column, first } of walk(text)) {
    if (line >= until) {
      break;
    }
    take(open, token, first, line, column);
  }
  return open;
}

/** The lines that begin inside a list, a table or a text of several lines. */
export function innerLines(text: string): ReadonlySet<number> {
  const open: Opened[] = [];
  const inner = new Set<number>();
  for (const { token, line, column, first } of walk(text)) {
    if (first && open.length > 0) {
      inner.add(line);
    }
    take(open, token, first, line, column);
    const breaks = token === "\n" ? 0 : token.split("\n").length - 1;
    for (let below = 1; below <= breaks; below++) {
      inner.add(line + below);
    }
  }
  return inner;
}

/** Where brackets are nested deeper than this. */
export function tooDeep(text: string, most: number): Position | undefined {
  const open: Opened[] = [];
  for (const { token, line, column, first } of walk(text)) {
    take(open, token, first, line, column);
    if (open.length > most) {
      return { line, column };
    }
  }
  return undefined;
}

function take(open: Opened[], token: string, first: boolean, line: number, column: number): void {
  // A section's name has its brackets on one line; one that is not closed is reported as such.
  if (token === "]" || token === "}") {
    open.pop();
  } else if ((token === "[" || token === "{") && !(first && open.length === 0)) {
    open.push({ bracket: token, line, column });
  }
}

interface Token extends Position {
  readonly token: string;
  /** Whether it begins its line. */
  readonly first: boolean;
}

function* walk(text: string): Generator<Token> {
  let line = 1;
  let start = 0;
  let first = true;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    yield { token, line, column: index - start + 1, first };
    first = false;
    for (let at = token.indexOf("\n"); at !== -1; at = token.indexOf("\n", at + 1)) {
      line++;
      start = index + at + 1;
      first = token === "\n";
    }
  }
}
