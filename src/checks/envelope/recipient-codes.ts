/** Lists of `PATTERN CODE text` that are tried on recipients: the first line that matches decides. */
import { patternSubject } from "../../files/address-rules.ts";
import { nowhere, readCodeIndex } from "../../files/code-index.ts";
import type { CodeIndex } from "../../files/code-index.ts";
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
  "one Perl regular expression between slashes, or an address, per line, followed by a code and the text of the reply. Case does not matter. Codes: OK (accept and skip the later checks, including the directory; the relay domains still apply), DONE (the same), DECLINED (no verdict), DENY, DENYSOFT, DENY_DISCONNECT, DENYHARD (the same), DENYSOFT_DISCONNECT. The first line that matches decides. A pattern must not contain spaces.";

/** A list whose addresses are found at once; patterns are tried one after another. */
export type RecipientCodes = CodeIndex<Code>;

/** Reads such a list. */
export function readRecipientCodes(entries: readonly ListEntry[], skip: Remark): RecipientCodes {
  const subject = (word: string): string | undefined => {
    const key = entryKey(word);
    return key?.startsWith("@") === true ? undefined : key;
  };
  return readCodeIndex(entries, skip, { longest: longestAddress, code: parseCode, subject });
}

/** The first line for a recipient, as it came or at the relay domain that its own stands for. */
export function findLine(
  { lines, placeOf }: RecipientCodes,
  recipient: Mailbox | undefined,
  domains: Domains,
): CodeLine<Code> | undefined {
  if (recipient === undefined || recipient.domain === "" || lines.length === 0) {
    return undefined;
  }
  let first = nowhere;
  for (const mailbox of spellings(recipient, domains)) {
    first = Math.min(first, placeOf(patternSubject(mailbox)));
  }
  return first === nowhere ? undefined : lines[first];
}
