/**
 * Rules of single recipients, as they are in `recipient.rule`: "" everybody may write · "later" nobody now (450) ·
 * "internal" only internal clients (550) · "senders:a@b c@d" only those, or internal clients (550).
 */

/** A rule, read. */
export type Rule =
  | { readonly kind: "later" | "internal" }
  | { readonly kind: "senders"; readonly keys: ReadonlySet<string> };

/** Longer lists of senders are left out: the recipient is then open, for a part of a list would lose mail. */
export const maxSenders = 100;

const sendersWord = "senders:";

/**
 * Reads a rule; undefined if there is none, or one of a later version: the reader then fails open.
 * @param text not ""
 */
export function parseRule(text: string): Rule | undefined {
  if (text === "later" || text === "internal") {
    return { kind: text };
  }
  return text.startsWith(sendersWord)
    ? { kind: "senders", keys: new Set(text.slice(sendersWord.length).split(" ")) }
    : undefined;
}

/**
 * Writes the rule of accepted senders; "" if there are none, or too many.
 * @param keys in normal form or hashed; one with a blank (a quoted user part) leaves the recipient open
 */
export function formatSenders(keys: readonly string[]): string {
  const all = [...new Set(keys)].sort();
  return all.length === 0 || all.length > maxSenders || all.some((key) => key.includes(" "))
    ? ""
    : sendersWord + all.join(" ");
}
