/** Removes kept lists that would give away what the hashed list beside them hides. */
import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import Database from "better-sqlite3";

import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";

/**
 * Removes every NAME.N that is plain, or is under another key or match than the mark says: nobody could go back to it,
 * but a thief could read it. Asked at every publishing, because a run may be killed before it comes to this.
 */
export function removeForeign(path: string, mark: string, log: Log): void {
  const prefix = `${basename(path)}.`;
  const foreign = readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,2}$/.test(name.slice(prefix.length)))
    .map((name) => join(dirname(path), name))
    .filter((file) => markOf(file) !== mark);
  try {
    for (const file of foreign) {
      rmSync(file, { force: true });
    }
  } catch (error) {
    log.error("sync", "cannot remove a kept snapshot with a different HMAC secret", { why: errorMessage(error) });
    return;
  }
  if (foreign.length > 0) {
    log.warning("sync", "removed kept snapshots with a different HMAC secret", { lists: foreign.length });
  }
}

/** Undefined for a damaged one too: its bytes may still be plain. */
function markOf(path: string): string | undefined {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
    return database.prepare<[], string>("SELECT value FROM meta WHERE key = 'keyed'").pluck().get();
  } catch {
    return undefined;
  } finally {
    database?.close();
  }
}
