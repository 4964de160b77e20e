/** The file of the traffic, shared by the workers: opened, checked, moved aside if it is damaged. For a thread of its own. */
import { chmodSync, existsSync } from "node:fs";

import Database from "better-sqlite3";

import { identityOf, isDamage, moveAside } from "../state/sqlite-file.ts";
import type { MovedAside } from "../state/sqlite-file.ts";

/** "gmtr". */
const applicationId = 0x676d_7472;
const version = 1;
/** ms that a write waits for another worker. */
const busyTimeout = 10_000;

const schema = `
  CREATE TABLE IF NOT EXISTS recipient (
    full TEXT PRIMARY KEY, bare TEXT NOT NULL, domain TEXT NOT NULL, last INTEGER NOT NULL, days TEXT NOT NULL,
    list INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS by_last ON recipient (last);
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${version};
`;

/** Opens the file, or makes it. @throws Error if it cannot be used at present */
export function openTrafficFile(path: string, moved: MovedAside): Database.Database {
  const seen = identityOf(path);
  try {
    return open(path);
  } catch (error) {
    if (!isDamage(error)) {
      throw error;
    }
    // Another worker may have been faster: its new file is not to be moved.
    if (seen !== undefined && identityOf(path) === seen) {
      moveAside(path, error, moved);
    }
    return open(path);
  }
}

function open(path: string): Database.Database {
  const isNew = !existsSync(path);
  const database = new Database(path, { timeout: busyTimeout });
  try {
    if (isNew) {
      chmodSync(path, 0o600);
    }
    // A rollback journal: a crash at any moment leaves the old rows or the new ones.
    database.pragma("journal_mode = DELETE");
    database.pragma("synchronous = NORMAL");
    const id = Number(database.pragma("application_id", { simple: true }));
    const found = Number(database.pragma("user_version", { simple: true }));
    if (id !== 0 && (id !== applicationId || found !== version)) {
      throw new Database.SqliteError("another program's or another version's file", "SQLITE_NOTADB");
    }
    if (database.pragma("quick_check(1)", { simple: true }) !== "ok") {
      throw new Database.SqliteError("quick_check failed", "SQLITE_CORRUPT");
    }
    database.transaction(() => database.exec(schema)).immediate();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
