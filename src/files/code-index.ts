/** A list of `PATTERN CODE text` whose first line for a text is found without trying all of them. */
import { readCodeLines } from "./code-line.ts";
import type { CodeLine } from "./code-line.ts";
import type { ListEntry, Remark } from "./list-reader.ts";
import { indexPatterns } from "./pattern-index.ts";
import type { Pattern } from "./patterns.ts";

/** Behind every place. A small integer: Infinity as a place would be looked up by its name. */
export const nowhere = 0x3fff_ffff;

/** The lines of a list, and where they are. */
export interface CodeIndex<Code> {
  readonly lines: readonly CodeLine<Code>[];
  /** The place of the first line that matches; {@link nowhere}: none. */
  readonly placeOf: (subject: string) => number;
}

/** How the lines of a list are read. */
export interface CodeIndexUse<Code> {
  /** Characters of the longest subject. */
  readonly longest: number;
  /** Undefined if a word is not a code. */
  readonly code: (word: string) => Code | undefined;
  /** The one subject for which a first word stands that is no pattern; undefined if there is none. */
  readonly subject: (word: string) => string | undefined;
}

/** Reads a list, in its order. Patterns do not look at letter case. */
export function readCodeIndex<Code>(
  entries: readonly ListEntry[],
  skip: Remark,
  { longest, code, subject: subjectOf }: CodeIndexUse<Code>,
): CodeIndex<Code> {
  const subjects = new Map<CodeLine<Code>["matches"], string>();
  const plain = (word: string): ((subject: string) => boolean) | undefined => {
    const own = subjectOf(word);
    if (own === undefined) {
      return undefined;
    }
    const matches = (subject: string): boolean => subject === own;
    subjects.set(matches, own);
    return matches;
  };
  const lines = readCodeLines(entries, skip, { longest, ignoreCase: true, code, plain });
  const exact = new Map<string, number>();
  const patterns: { readonly at: number; readonly pattern: Pattern }[] = [];
  for (const [at, { matches, pattern }] of lines.entries()) {
    const own = subjects.get(matches);
    if (pattern !== undefined) {
      patterns.push({ at, pattern });
    } else if (own !== undefined && !exact.has(own)) {
      exact.set(own, at);
    }
  }
  const index = indexPatterns(
    patterns.map(({ pattern }) => pattern),
    longest,
  );
  const patternAt = (subject: string): number => {
    const place = index.find(subject);
    return (place === undefined ? undefined : patterns[place]?.at) ?? nowhere;
  };
  return { lines, placeOf: (subject) => Math.min(exact.get(subject) ?? nowhere, patternAt(subject)) };
}
