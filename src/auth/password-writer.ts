/** Puts one user's line into a password file: the whole file is written again beside it and renamed. */
import { readFileSync, realpathSync, statSync } from "node:fs";

import { decode } from "../config/config-text.ts";
import { replaceFile } from "../files/replace.ts";

/**
 * Replaces the user's line, or adds it. Owner and group stay, and nobody else gets to read the file; a new file has
 * mode 0600. A second writer at the same time is rejected, so that no change is lost.
 * @throws Error with the code EEXIST where `FILE.new` is there; Error where the file is not UTF-8, which stays
 * untouched
 */
export function setPassword(file: string, user: string, line: string): void {
  const facts = statSync(file, { throwIfNoEntry: false });
  // A link stays one: what it leads to is replaced.
  const target = facts === undefined ? file : realpathSync(file);
  const read = (): string => (facts === undefined ? "" : readText(target));
  // The relay's user must still be able to read it when root has changed it, and nobody else gets to.
  replaceFile(target, () => withLine(read(), user, line), {
    temporary: `${target}.new`,
    mode: (old) => (old === undefined ? 0o600 : old.mode & 0o640 || 0o600),
    keepOwner: true,
  });
}

/** The file's text without a byte order mark. Other bytes than UTF-8 would be lost in writing the file again. */
function readText(file: string): string {
  const text = decode(readFileSync(file));
  if (typeof text !== "string") {
    throw new Error(`line ${text.line}, column ${text.column}: ${text.message}`);
  }
  return text.replace(/^\uFEFF/, "");
}

/** Everything else stays as it is, comments included. */
function withLine(text: string, user: string, line: string): string {
  const lines = text.split("\n").filter((each, i, all) => each !== "" || i < all.length - 1);
  const at = lines.findIndex((each) => each.startsWith(`${user}:`));
  return `${(at < 0 ? [...lines, line] : lines.with(at, line)).join("\n")}\n`;
}
