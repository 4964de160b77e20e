/** Puts one user's line into a password file: the whole file is written anew beside it and renamed. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { Stats } from "node:fs";

/**
 * Replaces the user's line, or adds it. Owner and group stay, and nobody else gets to read the file; a new file has
 * mode 0600. Who comes second while another one writes is turned away: no change is lost.
 * @throws Error with the code EEXIST where `FILE.new` is there
 */
export function setPassword(file: string, user: string, line: string): void {
  const facts = statSync(file, { throwIfNoEntry: false });
  // A link stays one: what it leads to is replaced.
  const target = facts === undefined ? file : realpathSync(file);
  const fresh = `${target}.new`;
  const handle = openSync(fresh, "wx", 0o600);
  try {
    const before = facts === undefined ? "" : readFileSync(target, "utf8");
    keepOwner(handle, facts);
    writeFileSync(handle, withLine(before, user, line));
    fsyncSync(handle);
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
}

/** The relay's user must still be able to read it when root has changed it. */
function keepOwner(handle: number, facts: Stats | undefined): void {
  if (facts === undefined) {
    return;
  }
  if (facts.uid !== process.geteuid?.() || facts.gid !== process.getegid?.()) {
    fchownSync(handle, facts.uid, facts.gid);
  }
  fchmodSync(handle, facts.mode & 0o640 || 0o600);
}

/** Everything else stays as it is, comments included. */
function withLine(text: string, user: string, line: string): string {
  const lines = text.split("\n").filter((each, i, all) => each !== "" || i < all.length - 1);
  const at = lines.findIndex((each) => each.startsWith(`${user}:`));
  return `${(at < 0 ? [...lines, line] : lines.with(at, line)).join("\n")}\n`;
}
