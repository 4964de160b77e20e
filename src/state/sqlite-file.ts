/**
 * A SQLite file of the relay's own, as that of the state: opened, checked, and moved aside if it is damaged, since what it remembers is worth less than
 * a relay that works. For one process among several that share it.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, linkSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";

import Database from "better-sqlite3";
import { makeFolder } from "../files/make-folder.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";

/** What is in a file. */
export interface FileForm {
  /** "state", for messages. */
  readonly name: string;
  /** So that another program's file is never taken for ours. */
  readonly applicationId: number;
  /** Of the tables; another version's rows are not read. */
  readonly version: number;
  /** Tables and indices. */
  readonly schema: string;
  /** The whole file is looked through before it is used: not where that would take long. */
  readonly isSmall: boolean;
}

/** "gmst". */
const state: FileForm = {
  name: "state",
  applicationId: 0x676d_7374,
  version: 1,
  schema: `
    CREATE TABLE IF NOT EXISTS rows (
      name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, until REAL NOT NULL, written REAL NOT NULL,
      PRIMARY KEY (name, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_age ON rows (name, written);
  `,
  isSmall: true,
};
/** ms that a write waits for another process: in the thread, if nobody waits for it longer than for any answer. */
const busyTimeout = 3000;
/** Tries to open a file that another process has locked, and the pause between them in ms. */
const tries = 100;
const pause = 50;

/** What became of a file that could not be used. */
export type MovedAside = (to: string, why: string) => void;

/** The file of the state. @throws Error if it cannot be used at present */
export function openStateFile(path: string, moved: MovedAside): Database.Database {
  return openOwnFile(path, state, moved);
}

/** Opens the file, or makes it. @throws Error if it cannot be used at present */
export function openOwnFile(path: string, form: FileForm, moved: MovedAside): Database.Database {
  makeFolder(dirname(path), 0o700);
  const seen = identityOf(path);
  try {
    return openPatiently(path, form);
  } catch (error) {
    if (!isDamage(error)) {
      throw error;
    }
    // Another worker may have been faster: its new file is not to be moved.
    if (seen !== undefined && identityOf(path) === seen) {
      moveAside(path, error, moved);
    }
    return openPatiently(path, form);
  }
}

/** Not every lock of an opening is waited for by SQLite itself. */
function openPatiently(path: string, form: FileForm): Database.Database {
  for (let left = tries; ; left--) {
    try {
      return open(path, form);
    } catch (error) {
      const isBusy = error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
      if (!isBusy || left === 0) {
        throw error;
      }
      // A thread of its own may wait so.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    }
  }
}

/** Moves a damaged file and its journal out of the way, over the one that was moved before. */
export function moveAside(path: string, error: unknown, moved: MovedAside): void {
  const to = `${path}.damaged`;
  for (const part of ["-shm", "-wal", ""]) {
    try {
      renameSync(`${path}${part}`, `${to}${part}`);
    } catch (missing) {
      if (errorCode(missing) !== "ENOENT") {
        throw missing;
      }
    }
  }
  moved(to, errorMessage(error));
}

/** Whether the file's content is at fault, and not the disk or another process. */
export function isDamage(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(?:CORRUPT|NOTADB)/.test(error.code);
}

/** Which file is at the path; undefined if none is. */
export function identityOf(path: string): string | undefined {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts === undefined ? undefined : `${facts.dev}:${facts.ino}`;
}

function open(path: string, form: FileForm): Database.Database {
  if (identityOf(path) === undefined) {
    make(path, form);
  }
  const database = new Database(path, { timeout: busyTimeout, fileMustExist: true });
  try {
    verifyForm(database, path, form);
    // No fsync for each write: a crash of the machine may lose the last second, never the file.
    database.pragma("synchronous = NORMAL");
    database.pragma("journal_size_limit = 4194304");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Made elsewhere and linked to its place, so that no worker ever sees half of it. The first one to come wins. */
function make(path: string, { applicationId, version, schema }: FileForm): void {
  // Not by process id: workers in containers may have the same one.
  const temporary = `${path}.${randomUUID()}.new`;
  try {
    const database = new Database(temporary);
    chmodSync(temporary, 0o600);
    database.pragma("journal_mode = WAL");
    database.exec(`${schema}
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${version};`);
    database.close();
    linkSync(temporary, path);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw error;
    }
  } finally {
    for (const part of ["", "-wal", "-shm"]) {
      rmSync(`${temporary}${part}`, { force: true });
    }
  }
}

/** @throws SqliteError if it is damaged, Error if it is another program's */
export function verifyForm(database: Database.Database, path: string, form: FileForm): void {
  const { name, applicationId, version, isSmall } = form;
  const id = database.pragma("application_id", { simple: true });
  const found = database.pragma("user_version", { simple: true });
  if (database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0) {
    throw new Database.SqliteError("file is empty", "SQLITE_CORRUPT");
  }
  if (id !== applicationId || found !== version) {
    throw new Error(`Cannot use ${name} file "${path}": it is another program's or another version's`);
  }
  if (!isSmall) {
    return;
  }
  const flaw = database.pragma("quick_check(1)", { simple: true });
  if (flaw !== "ok") {
    throw new Database.SqliteError(typeof flaw === "string" ? flaw : "quick_check failed", "SQLITE_CORRUPT");
  }
}
