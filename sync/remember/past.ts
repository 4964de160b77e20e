/** Lists that are kept as differences (publish/past.ts): which there are, what changed with each, and one made whole again. */
import { chmodSync, closeSync, copyFileSync, existsSync, openSync } from "node:fs";

import Database from "better-sqlite3";

import { refused, unsealed, wildcardKinds } from "../../src/snapshot/format.ts";
import { sealFile } from "../list/seal.ts";
import { baseOf, pastPath, pastVersion } from "../publish/past.ts";

/** A list that is kept so. Times are ms since 1970. */
export interface PastList {
  readonly id: number;
  readonly since: number;
  readonly until: number;
  readonly created: number;
}

/** What the rows that decide about a recipient may be named. */
export interface AskedNames {
  /** As they are stored: hashes in a hashed list. */
  readonly keys: readonly string[];
  /** User parts, in normal form. */
  readonly users: readonly string[];
}

/** What is kept beside a snapshot. */
export interface Past {
  /** Newest first. */
  readonly lists: readonly PastList[];
  /** Whether a list may say something else of a recipient than the one that replaced it. */
  mayDiffer(id: number, asked: AskedNames): boolean;
  /** Makes a list whole again, in a new file, sealed and not signed. @throws what SQLite and the file system throw */
  restore(id: number, target: string): void;
  close(): void;
}

interface Tables {
  readonly version: number;
  readonly meta: Readonly<Record<string, string>>;
  readonly sources: readonly Readonly<Record<string, string | number>>[];
}

/**
 * Opens it. Undefined: there is none, or it does not belong to the file that is in the snapshot's place now.
 * @throws what SQLite throws
 */
export function openPast(path: string): Past | undefined {
  if (!existsSync(pastPath(path)) || !existsSync(path)) {
    return undefined;
  }
  const database = new Database(pastPath(path), { readonly: true, fileMustExist: true, timeout: 1000 });
  try {
    database.prepare("ATTACH ? AS current").run(path);
    const belongs =
      database.pragma("user_version", { simple: true }) === pastVersion &&
      database
        .prepare(`SELECT (SELECT name FROM base) = ${baseOf("current")}`)
        .pluck()
        .get() === 1;
    if (!belongs) {
      database.close();
      return undefined;
    }
  } catch (error) {
    database.close();
    throw error;
  }
  const lists = database
    .prepare<[], PastList>("SELECT id, since, until, tables ->> '$.meta.created' AS created FROM list ORDER BY id DESC")
    .all();
  return {
    lists,
    mayDiffer: (id, asked) => mayDiffer(database, id, asked),
    restore: (id, target) => restore(database, path, id, target),
    close: () => void database.close(),
  };
}

/** A row of one of the keys, of many addresses, or that refuses one; or other sources. */
function mayDiffer(database: Database.Database, id: number, { keys, users }: AskedNames): boolean {
  const row = database.prepare(
    `SELECT 1 FROM row WHERE list = $id AND (key IN (SELECT value FROM json_each($keys))
       OR EXISTS (SELECT 1 FROM json_each($users) WHERE substr(key, 1, length(value)) = value)
       OR kind IN (SELECT value FROM json_each($kinds)) OR rule = $refused OR (kind IS NULL AND gone = 1)) LIMIT 1`,
  );
  const values = {
    id,
    keys: JSON.stringify(keys),
    users: JSON.stringify(users.map((user) => `${user}@`)),
    kinds: JSON.stringify(wildcardKinds),
    refused: refused.rule,
  };
  return row.get(values) !== undefined || scopesOf(database, id) !== scopesOf(database, id + 1);
}

/** The domains of each source, as text. */
function scopesOf(database: Database.Database, id: number): string {
  const tables = tablesOf(database, id);
  const sources =
    tables?.sources ??
    database.prepare<[], { name: string; domains: string }>("SELECT name, domains FROM current.source").all();
  return JSON.stringify(sources.map(({ name, domains }) => [name, domains]).toSorted());
}

function tablesOf(database: Database.Database, id: number): Tables | undefined {
  const text = database.prepare<[number], string>("SELECT tables FROM list WHERE id = ?").pluck().get(id);
  // Written by publish/past.ts.
  return text === undefined ? undefined : (JSON.parse(text) as Tables);
}

function restore(database: Database.Database, path: string, id: number, target: string): void {
  const tables = tablesOf(database, id);
  if (tables === undefined) {
    throw new Error(`no list ${id} is kept`);
  }
  // Of several rows of a key, that of the list nearest to the wanted one.
  const rows = database
    .prepare<[number], PastRow>(
      "SELECT min(list), key, source, kind, entry, rule, gone FROM row WHERE list >= ? GROUP BY key, source",
    )
    .all(id);
  copyFileSync(path, target);
  chmodSync(target, 0o600);
  const list = new Database(target);
  try {
    list.pragma("journal_mode = OFF");
    list.pragma("secure_delete = ON");
    list.transaction(() => rewrite(list, tables, rows))();
    list.pragma(`user_version = ${tables.version}`);
  } finally {
    list.close();
  }
  const file = openSync(target, "r+");
  try {
    sealFile(file);
  } finally {
    closeSync(file);
  }
}

interface PastRow {
  readonly key: string;
  readonly source: string;
  /** Null: it was not there. */
  readonly kind: string | null;
  readonly entry: string | null;
  readonly rule: string | null;
  readonly gone: number;
}

/** Sources may have had other numbers then. */
function rewrite(list: Database.Database, { meta, sources }: Tables, rows: readonly PastRow[]): void {
  list.exec("CREATE TEMP TABLE before AS SELECT id, name FROM source");
  list.exec("DELETE FROM source; DELETE FROM meta");
  const addSource = list.prepare(
    `INSERT INTO source (id, name, domains, read_at, tried_at, entries, fault, reached)
     VALUES ($id, $name, $domains, $read_at, $tried_at, $entries, $fault, $reached)`,
  );
  sources.forEach((source) => addSource.run(source));
  const ids = new Map(sources.map(({ id, name }) => [name, id]));
  const known = list.prepare<[], { id: number; name: string }>("SELECT id, name FROM before").all();
  if (known.some(({ id, name }) => ids.get(name) !== id)) {
    list.exec(`CREATE TEMP TABLE moved AS SELECT key, now.id AS source, kind, entry, rule, gone FROM recipient
      JOIN before ON before.id = source JOIN main.source AS now ON now.name = before.name;
      DELETE FROM recipient; INSERT INTO recipient SELECT * FROM moved ORDER BY key, source; DROP TABLE moved`);
  }
  const remove = list.prepare("DELETE FROM recipient WHERE key = ? AND source = ?");
  const add = list.prepare("INSERT OR REPLACE INTO recipient VALUES (?, ?, ?, ?, ?, ?)");
  for (const { key, source, kind, entry, rule, gone } of rows) {
    const id = ids.get(source);
    if (id !== undefined && kind === null) {
      remove.run(key, id);
    } else if (id !== undefined) {
      add.run(key, id, kind, entry, rule, gone);
    }
  }
  const setMeta = list.prepare("INSERT INTO meta VALUES (?, ?)");
  Object.entries({ ...meta, digest: unsealed }).forEach(([key, value]) => setMeta.run(key, value));
}
