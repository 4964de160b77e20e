/**
 * One sync at a time: a lock beside the snapshot. The kernel releases it when its holder dies, by whatever signal.
 * Node has no flock(2); an exclusive SQLite transaction on an empty file is the same thing. The file stays: to remove
 * it would be a race.
 */
import { constants, lchownSync, statSync } from "node:fs";
import { dirname } from "node:path";

import Database from "better-sqlite3";

import { errorMessage } from "../../src/report/error-message.ts";
import { denialOf } from "../../src/files/denied.ts";

/** A lock that was taken. */
export interface Lock {
  release(): void;
}

/** The lock of a snapshot; undefined if another sync holds it. */
export function acquireLock(path: string): Lock | undefined {
  const database = openLock(path);
  try {
    giveToFolderOwner(`${path}.lock`);
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
    return { release: () => void database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) {
      return undefined;
    }
    throw new Error(`Cannot lock "${path}.lock"`, { cause: error });
  }
}

function openLock(path: string): Database.Database {
  try {
    return new Database(`${path}.lock`, { timeout: 0 });
  } catch (error) {
    const why =
      denialOf(`${path}.lock`, constants.R_OK | constants.W_OK) === undefined ? error : new Error("permission denied");
    throw new Error(`Cannot open "${path}.lock": ${errorMessage(why)}`, { cause: error });
  }
}

/**
 * After one sync by root's hand the service's own user must still be able to take the lock. Whoever owns the folder
 * may have put a link there: it is not followed.
 */
export function giveToFolderOwner(path: string): void {
  if (process.getuid?.() === 0) {
    const { uid, gid } = statSync(dirname(path));
    lchownSync(path, uid, gid);
  }
}
