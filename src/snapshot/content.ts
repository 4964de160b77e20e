/** What a snapshot is served from: its bytes in memory, or a verified copy that all processes of a relay map. */
import Database from "better-sqlite3";

import { refused } from "./format.ts";
import { KeyFilter } from "./filter.ts";
import type { Kind } from "./format.ts";

/** Rows that are there, by source and kind. */
export type Counts = readonly { readonly source: string; readonly kind: Kind; readonly count: number }[];

/** What takes a look at every row to know. */
export interface Facts {
  readonly counts: Counts;
  /** Whether a row refuses an address, which a wildcard would accept otherwise. */
  readonly hasRefusals: boolean;
}

/** A copy in a folder that only this relay writes, see copies.ts. */
export interface Copy {
  readonly path: string;
  readonly facts: Facts;
  /** Where the filter of its keys is; a key that is not in that need not be looked for. */
  readonly filterPath: string;
}

export type Content = Buffer | Copy;

/** SQLite maps no more: 2 GiB less 64 KiB. */
const mostMapped = 0x7fff_0000;

/**
 * Opens it for reading.
 * @throws what SQLite throws
 */
export function openContent(content: Content): Database.Database {
  if (Buffer.isBuffer(content)) {
    return queryOnly(new Database(content, { readonly: true }));
  }
  const database = queryOnly(new Database(content.path, { readonly: true }));
  // Nobody changes the file: no lock, and no look at the file, for each look-up.
  database.pragma("locking_mode = EXCLUSIVE");
  database.pragma(`mmap_size = ${mostMapped}`);
  return database;
}

function queryOnly(database: Database.Database): Database.Database {
  database.pragma("query_only = ON");
  return database;
}

/** Facts of what is open: those of a copy are known; for those of bytes every row is read, at the first question. */
export function factsOf(content: Content, database: Database.Database) {
  if (!Buffer.isBuffer(content)) {
    const { counts, hasRefusals } = content.facts;
    return { counts: () => counts, hasRefusals: () => hasRefusals };
  }
  return factsWhenAsked(database);
}

/** Each is looked for when it is asked for, once. */
export function factsWhenAsked(database: Database.Database) {
  return { counts: once(() => countRows(database)), hasRefusals: once(() => findRefusal(database)) };
}

/** Reads every row. */
export function readFacts(database: Database.Database): Facts {
  return { counts: countRows(database), hasRefusals: findRefusal(database) };
}

/** Of every key in it. */
export function filterOf(database: Database.Database): KeyFilter {
  const rows = database.prepare<[], number>("SELECT count(*) FROM recipient").pluck().get() ?? 0;
  const filter = KeyFilter.ofSize(rows);
  for (const key of database.prepare<[], string>("SELECT key FROM recipient").pluck().iterate()) {
    filter.add(key);
  }
  return filter;
}

function once<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => (found ??= { value: find() }).value;
}

function findRefusal(database: Database.Database): boolean {
  return database.prepare("SELECT 1 FROM recipient WHERE rule = ? LIMIT 1").get(refused.rule) !== undefined;
}

function countRows(database: Database.Database): Counts {
  return database
    .prepare<[], { source: string; kind: Kind; count: number }>(
      "SELECT name AS source, kind, count(*) AS count FROM recipient JOIN source ON source = id WHERE gone = 0 GROUP BY id, kind",
    )
    .all();
}
