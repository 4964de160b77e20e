/**
 * Lines of qpsmtpd's lists that carry a verdict: `PATTERN CODE text`, where PATTERN is `/a regular expression/` or text
 * that must be equal. The code stays a word here; src/hooks knows what the words mean.
 */
import type { ListEntry, Remark } from "./list-reader.ts";
import { patternsFor } from "./patterns.ts";
import type { Pattern, PatternUse } from "./patterns.ts";

/** A line that can be used. */
export interface CodeLine<Code> {
  readonly code: Code;
  /** For the client; "" if the line has none. */
  readonly text: string;
  readonly entry: ListEntry;
  /** Not given: the first word is not a pattern. */
  readonly pattern?: Pattern;
  matches(subject: string): boolean;
}

/** How the lines of a list are read. */
export interface CodeLineUse<Code> extends PatternUse {
  /** Undefined if a word is not a code. */
  readonly code: (word: string) => Code | undefined;
  /** The test of a first word that is not between slashes; undefined if it can match nothing. */
  readonly plain: (word: string) => ((subject: string) => boolean) | undefined;
}

/** Reads a list, in its order. */
export function readCodeLines<Code>(
  entries: readonly ListEntry[],
  skip: Remark,
  { code: codeOf, plain, ...use }: CodeLineUse<Code>,
): CodeLine<Code>[] {
  const compile = patternsFor(use);
  const lines: CodeLine<Code>[] = [];
  for (const entry of entries) {
    const [, word = "", codeWord = "", text = ""] = /^(\S+)(?:\s+(\S+))?(?:\s+(.*))?$/.exec(entry.text) ?? [];
    const code = codeOf(codeWord);
    if (code === undefined) {
      skip(entry, codeWord === "" ? "has no code behind the pattern" : `"${codeWord}" is not a code`);
      continue;
    }
    const [, perl] = /^\/(.*)\/$/.exec(word) ?? [];
    const matches = perl === undefined ? plain(word) : compile(perl);
    if (matches === undefined) {
      skip(entry, `"${word}" can match nothing`);
    } else if (typeof matches === "function") {
      lines.push({ code, text, entry, matches });
    } else if ("fault" in matches) {
      skip(entry, matches.fault);
    } else {
      lines.push({ code, text, entry, pattern: matches, matches: matches.matches });
    }
  }
  return lines;
}
