/** Header fields that scanners ask for, as far as they can be fields. */
import type { HeaderEdits, HeaderView } from "../../hooks/message.ts";
import { errorMessage } from "../../report/error-message.ts";
import type { Log } from "../../report/log.ts";

/** Octets of a line, less than RFC 5322 2.1.1 allows: its name is in front. */
const longestValue = 900;

/** A value of one line. @param octets one character per octet */
export function valueOf(octets: string): string {
  return octets
    .replaceAll(/[\0-\x1f\x7f]+/g, " ")
    .trim()
    .slice(0, longestValue);
}

/** Puts fields at the top, in their order; what cannot be a field is left out. @param lines without line ending, may be folded */
export function insertFields(message: HeaderEdits, lines: readonly string[], log: Log, label: string): void {
  for (const line of lines.toReversed()) {
    attempt(() => message.insertHeader(0, line), log, label);
  }
}

/** Carries out a change, or says why it cannot be. */
export function attempt(change: () => void, log: Log, label: string): void {
  try {
    change();
  } catch (error) {
    log.warning(label, "cannot change the header", { why: errorMessage(error) });
  }
}

/** The value with a text in front, which it does not get twice. */
export function prefixed(value: string, prefix: string): string {
  return value.startsWith(prefix.trimEnd()) ? value : `${prefix}${value}`;
}

/** Which messages to scan: all, or those that say that they have parts. */
export function wantedBy(multipartOnly: boolean): (message: HeaderView) => boolean {
  return ({ fields }) => !multipartOnly || /^multipart\//i.test(fields.nth("Content-Type", 1) ?? "");
}
