/**
 * Lists of the past as differences, in one file beside the snapshot (NAME.past): for each list that was replaced, the
 * rows that its successor has not, or has otherwise. `explain --at` makes a list of then out of them, see
 * remember/past.ts. Nothing else depends on it: where it cannot be written, the list is published all the same.
 */
import { closeSync, fchmodSync, openSync, rmSync } from "node:fs";

import Database from "better-sqlite3";

import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { refused, wildcardKinds } from "../../src/snapshot/format.ts";
import { giveOwner } from "./owner.ts";

/** Which of them are kept. */
export interface PastOptions {
  /** How long after a list was replaced, in ms; 0: none is kept. */
  readonly keepFor: number;
  /** ms since 1970. */
  readonly now: number;
}

/** `PRAGMA user_version` of the file. */
export const pastVersion = 1;
/** The oldest go earlier where the file would grow beyond this, in bytes. */
const mostBytes = 100_000_000;
const mode = 0o640;

/** Where they are. */
export function pastPath(path: string): string {
  return `${path}.past`;
}

/**
 * `list.id` grows with time; `until` is when it was replaced. `tables` holds its meta and source tables as JSON. A row
 * without a kind was not in the list; its `gone` says whether what came there stands for many addresses or refuses one. `base` says which file in the snapshot's place the newest list is compared with.
 */
const ddl = `
CREATE TABLE base (name TEXT NOT NULL);
CREATE TABLE list (id INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, tables TEXT NOT NULL);
CREATE TABLE row (
  list INTEGER NOT NULL, key TEXT NOT NULL, source TEXT NOT NULL,
  kind TEXT, entry TEXT, rule TEXT, gone INTEGER,
  PRIMARY KEY (list, key, source)
) WITHOUT ROWID;
`;

/** What tells one file in the snapshot's place from another. */
export const baseOf = (alias: string): string =>
  `(SELECT group_concat(value, ' ') FROM (SELECT value FROM ${alias}.meta WHERE key IN ('created', 'keyed', 'rows') ORDER BY key))`;

const bySource = (alias: string): string =>
  `(SELECT key, name AS source, kind, entry, rule, gone FROM ${alias}.recipient JOIN ${alias}.source ON source = id)`;

const wildcards = wildcardKinds.map((kind) => `'${kind}'`).join();
/** Rows of the old list that the new one has not, or has otherwise; and keys that only the new one has. */
const differences = `
SELECT mine.key, mine.source, mine.kind, mine.entry, mine.rule, mine.gone
FROM ${bySource("old")} AS mine LEFT JOIN ${bySource("new")} AS other ON other.key = mine.key AND other.source = mine.source
WHERE other.key IS NULL OR other.kind <> mine.kind OR other.entry <> mine.entry OR other.rule <> mine.rule OR other.gone <> mine.gone
UNION ALL
SELECT mine.key, mine.source, NULL, NULL, NULL, mine.kind IN (${wildcards}) OR mine.rule = '${refused.rule}'
FROM ${bySource("new")} AS mine LEFT JOIN ${bySource("old")} AS other ON other.key = mine.key AND other.source = mine.source
WHERE other.key IS NULL`;

const sourceTable = `(SELECT json_group_array(json_object('id', id, 'name', name, 'domains', domains, 'read_at', read_at,
  'tried_at', tried_at, 'entries', entries, 'fault', fault, 'reached', reached)) FROM old.source)`;
const metaTable = "(SELECT json_group_object(key, value) FROM old.meta WHERE key NOT IN ('digest', 'signature'))";

/**
 * Notes what the file at the path said, just before another one takes its place.
 * @param newPath complete, and not yet in place
 * @param isSuccessor whether it is another list; else the list goes on, and the past lists differ from the new file
 */
export function notePast(path: string, newPath: string, isSuccessor: boolean, options: PastOptions, log: Log): void {
  if (options.keepFor === 0) {
    rmSync(pastPath(path), { force: true });
    return;
  }
  let past: Database.Database | undefined;
  try {
    past = openPast(path);
    past.prepare("ATTACH ? AS old").run(path);
    past.prepare("ATTACH ? AS new").run(newPath);
    past.transaction(note)(past, isSuccessor, options);
    past.exec("DETACH old; DETACH new");
    prune(past, options);
  } catch (error) {
    log.warning("sync", "cannot keep the differences to the previous snapshot", { why: errorMessage(error) });
  } finally {
    past?.close();
  }
}

function openPast(path: string): Database.Database {
  const file = openSync(pastPath(path), "a", mode);
  try {
    fchmodSync(file, mode);
    giveOwner(file, path);
  } finally {
    closeSync(file);
  }
  const past = new Database(pastPath(path), { timeout: 1000 });
  if (past.pragma("user_version", { simple: true }) !== pastVersion) {
    past.pragma("auto_vacuum = INCREMENTAL");
    past.exec(ddl);
    past.pragma(`user_version = ${pastVersion}`);
  }
  return past;
}

function note(past: Database.Database, isSuccessor: boolean, { now }: PastOptions): void {
  const value = (sql: string): unknown => past.prepare(`SELECT ${sql}`).pluck().get();
  // Somebody has put another file there: what is kept differs from a list that nobody has.
  if (value("(SELECT name FROM base)") !== value(baseOf("old"))) {
    past.exec("DELETE FROM list; DELETE FROM row; DELETE FROM base");
  }
  // Under other keys, no row of one list has to do with any of the other's.
  const isOtherKey = value(
    "(SELECT value FROM old.meta WHERE key = 'keyed') IS NOT (SELECT value FROM new.meta WHERE key = 'keyed')",
  );
  if (isOtherKey === 1) {
    past.exec("DELETE FROM list; DELETE FROM row; DELETE FROM base");
  } else {
    const newest = Number(value("(SELECT coalesce(max(id), 0) FROM list)"));
    if (isSuccessor) {
      addList(past, newest + 1, now);
      past.prepare(`INSERT INTO row SELECT ?, * FROM (${differences})`).run(newest + 1);
    } else if (newest > 0) {
      // Where the newest past list has no row of its own, it had what the old file has.
      past.prepare(`INSERT OR IGNORE INTO row SELECT ?, * FROM (${differences})`).run(newest);
    }
  }
  past.exec(`DELETE FROM base; INSERT INTO base SELECT ${baseOf("new")}`);
}

function addList(past: Database.Database, id: number, until: number): void {
  const version = past.pragma("old.user_version", { simple: true });
  past
    .prepare(
      `INSERT INTO list SELECT ?, (SELECT value FROM old.meta WHERE key = 'since'), ?,
       json_object('version', ?, 'meta', json(${metaTable}), 'sources', json(${sourceTable}))`,
    )
    .run(id, until, version);
}

/** Removes the lists that are too old, and the oldest ones where the file is too large. */
function prune(past: Database.Database, { now, keepFor }: PastOptions): void {
  const size = (): number =>
    Number(past.pragma("page_size", { simple: true })) * Number(past.pragma("page_count", { simple: true }));
  const remove = (which: string, ...values: readonly number[]): number => {
    past.prepare(`DELETE FROM row WHERE list IN (SELECT id FROM list WHERE ${which})`).run(...values);
    const { changes } = past.prepare(`DELETE FROM list WHERE ${which}`).run(...values);
    past.pragma("incremental_vacuum");
    return changes;
  };
  remove("until < ?", now - keepFor);
  for (let left = 1; left > 0 && size() > mostBytes;) {
    left = remove("id = (SELECT min(id) FROM list)");
  }
}
