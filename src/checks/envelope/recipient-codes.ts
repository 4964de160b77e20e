/** Lists of `PATTERN CODE text` that are tried on recipients: the first line that matches decides. */
import { patternSubject } from "../../files/address-rules.ts";
import { readCodeLines } from "../../files/code-line.ts";
import type { CodeLine } from "../../files/code-line.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { indexPatterns } from "../../files/pattern-index.ts";
import { longestAddress } from "../../files/patterns.ts";
import type { Pattern } from "../../files/patterns.ts";
import { parseCode } from "../../hooks/code-words.ts";
import type { Code } from "../../hooks/code-words.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import type { Domains } from "../../mail/domains.ts";
import { entryKey } from "../../mail/list-entry.ts";

/** How the lines look, for docstrings. */
export const grammar =
  "one Perl regular expression between slashes, or an address, per line, followed by a code and the text of the reply. Case does not matter. Codes: OK (accept and skip the later checks, including the directory; the relay domains still apply), DONE (the same), DECLINED (no verdict), DENY, DENYSOFT, DENY_DISCONNECT, DENYHARD (the same), DENYSOFT_DISCONNECT. The first line that matches decides. A pattern must not contain spaces.";

/** A list whose addresses are found at once; patterns are tried one after another. */
export interface RecipientCodes {
  readonly lines: readonly CodeLine<Code>[];
  /** The place of the first line of each address. */
  readonly addresses: ReadonlyMap<string, number>;
  /** The place of the first line whose pattern matches. */
  readonly patternAt: (subject: string) => number;
}

/** Reads such a list. */
export function readRecipientCodes(entries: readonly ListEntry[], skip: Remark): RecipientCodes {
  const keys = new Map<CodeLine<Code>["matches"], string>();
  const plain = (word: string): ((subject: string) => boolean) | undefined => {
    const key = entryKey(word);
    if (key === undefined || key.startsWith("@")) {
      return undefined;
    }
    const matches = (subject: string): boolean => subject === key;
    keys.set(matches, key);
    return matches;
  };
  const lines = readCodeLines(entries, skip, { longest: longestAddress, ignoreCase: true, code: parseCode, plain });
  const addresses = new Map<string, number>();
  const patterns: { readonly at: number; readonly pattern: Pattern }[] = [];
  for (const [at, { matches, pattern }] of lines.entries()) {
    const key = keys.get(matches);
    if (pattern !== undefined) {
      patterns.push({ at, pattern });
    } else if (key !== undefined && !addresses.has(key)) {
      addresses.set(key, at);
    }
  }
  const places = patterns.map(({ at }) => at);
  const index = indexPatterns(
    patterns.map(({ pattern }) => pattern),
    longestAddress,
  );
  return { lines, addresses, patternAt: (subject) => places[index.find(subject) ?? -1] ?? Infinity };
}

/** The first line for a recipient, as it came or at the relay domain that its own stands for. */
export function findLine(
  { lines, addresses, patternAt }: RecipientCodes,
  recipient: Mailbox | undefined,
  domains: Domains,
): CodeLine<Code> | undefined {
  if (recipient === undefined || recipient.domain === "" || lines.length === 0) {
    return undefined;
  }
  let first = Infinity;
  for (const mailbox of spellings(recipient, domains)) {
    const subject = patternSubject(mailbox);
    first = Math.min(first, addresses.get(subject) ?? Infinity, patternAt(subject));
  }
  return lines[first];
}
