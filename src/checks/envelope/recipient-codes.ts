/** Lists of `PATTERN CODE text` that are tried on recipients: the first line that matches decides. */
import { patternSubject } from "../../files/address-rules.ts";
import { readCodeLines } from "../../files/code-line.ts";
import type { CodeLine } from "../../files/code-line.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { longestAddress } from "../../files/patterns.ts";
import { parseCode } from "../../hooks/code-words.ts";
import type { Code } from "../../hooks/code-words.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import type { Domains } from "../../mail/domains.ts";
import { entryKey } from "../../mail/list-entry.ts";

/** How the lines look, for docstrings. */
export const grammar =
  "per line a Perl regular expression between slashes, or an address, then a code and the text that the client is told. Letter case does not matter. Codes: OK (skip the checks after it, the directory too; relay domains still count), DONE (the same), DECLINED (go on), DENY, DENYSOFT, DENY_DISCONNECT, DENYHARD (the same), DENYSOFT_DISCONNECT. The first line that matches decides. No blanks within a pattern.";

/** Reads such a list. */
export function readRecipientCodes(entries: readonly ListEntry[], skip: Remark): CodeLine<Code>[] {
  const plain = (word: string): ((subject: string) => boolean) | undefined => {
    const key = entryKey(word);
    return key === undefined || key.startsWith("@") ? undefined : (subject) => subject === key;
  };
  return readCodeLines(entries, skip, { longest: longestAddress, ignoreCase: true, code: parseCode, plain });
}

/** The first line for a recipient, as it came or at the relay domain that its own stands for. */
export function findLine(
  lines: readonly CodeLine<Code>[],
  recipient: Mailbox | undefined,
  domains: Domains,
): CodeLine<Code> | undefined {
  if (recipient === undefined || recipient.domain === "" || lines.length === 0) {
    return undefined;
  }
  const subjects = spellings(recipient, domains).map(patternSubject);
  return lines.find((line) => subjects.some((subject) => line.matches(subject)));
}
