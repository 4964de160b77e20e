/**
 * The file in which the receiver keeps what was pushed: users.sqlite in a folder of its own. Each answer of success is
 * on disk before it is given. A rollback journal and no WAL: the sync reads the file as another user, who may not write
 * there.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";

import { makeFolder } from "../files/make-folder.ts";
import { putInPlace } from "../files/replace.ts";
import { identityOf, isDamage, moveAside } from "../state/sqlite-file.ts";
import type { MovedAside } from "../state/sqlite-file.ts";

/** "gmsc". */
const applicationId = 0x676d_7363;
const version = 1;
/** ms that a write waits for a sync that reads. */
const busyTimeout = 5000;

const schema = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE resource (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL,
    external TEXT, json TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX by_user ON resource (name) WHERE kind = 'User';
  CREATE INDEX by_name ON resource (kind, name);
  CREATE INDEX by_external ON resource (external) WHERE external IS NOT NULL;
  CREATE INDEX by_change ON resource (changed);
  CREATE TABLE member (
    owner TEXT NOT NULL REFERENCES resource (id) ON DELETE CASCADE, value TEXT NOT NULL, display TEXT NOT NULL,
    PRIMARY KEY (owner, value)
  ) WITHOUT ROWID;
  CREATE INDEX by_member ON member (value);
`;

/** The file in a folder. */
export function storePath(folder: string): string {
  return join(folder, "users.sqlite");
}

/** Opens it, or makes an empty one. A damaged file is moved aside. @throws Error if it cannot be used */
export function openStoreFile(folder: string, moved: MovedAside): Database.Database {
  makeFolder(folder, 0o750);
  const path = storePath(folder);
  try {
    return open(path);
  } catch (error) {
    if (!isDamage(error)) {
      throw error;
    }
    moveAside(path, error, moved);
    return open(path);
  }
}

function open(path: string): Database.Database {
  if (identityOf(path) === undefined) {
    make(path);
  }
  const database = new Database(path, { timeout: busyTimeout, fileMustExist: true });
  try {
    verify(database, path);
    const flaw = database.pragma("quick_check(1)", { simple: true });
    if (flaw !== "ok") {
      throw new Database.SqliteError(typeof flaw === "string" ? flaw : "quick_check failed", "SQLITE_CORRUPT");
    }
    database.pragma("synchronous = EXTRA");
    database.pragma("foreign_keys = ON");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function make(path: string): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  const database = new Database(temporary);
  chmodSync(temporary, 0o640);
  database.exec(`BEGIN; ${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}; COMMIT`);
  const facts = { store: randomUUID(), changes: 0, complete: 0 };
  const add = database.prepare("INSERT INTO meta VALUES (?, ?)");
  Object.entries(facts).forEach(([name, value]) => add.run(name, value));
  database.close();
  putInPlace(temporary, path);
}

/** @throws SqliteError if it is damaged, Error if it is another program's */
function verify(database: Database.Database, path: string): void {
  if (database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0) {
    throw new Database.SqliteError("file is empty", "SQLITE_CORRUPT");
  }
  const id = database.pragma("application_id", { simple: true });
  const found = database.pragma("user_version", { simple: true });
  if (id !== applicationId || found !== version) {
    throw new Error(`Cannot use "${path}": it is another program's or another version's`);
  }
}

/** Opens it to be read by the sync, or to be declared complete. @throws Error, of SQLite or with the path */
export function openExisting(folder: string, readonly: boolean): Database.Database {
  const path = storePath(folder);
  const database = new Database(path, { readonly, timeout: busyTimeout, fileMustExist: true });
  try {
    verify(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
