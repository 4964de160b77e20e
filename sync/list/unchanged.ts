/**
 * Whether a new list says just what the old one said. Then it goes on rather than replaces it: it served since the
 * same time, and the old file is not worth one of the places of those that are kept.
 */
import { closeSync, openSync, readSync } from "node:fs";

import Database from "better-sqlite3";

import { refused } from "../../src/snapshot/format.ts";
import type { Previous } from "./previous.ts";

const columns = "key, source, kind, entry, rule, gone";
const rowsOf = (list: string): string => `SELECT ${columns} FROM ${list}.recipient`;
/** Octets that are compared at a time. */
const pieceSize = 1 << 16;

/** Whether two files have the same rows; their sources must have the same numbers. */
export function hasSameRows(newPath: string, oldPath: string): boolean {
  const database = new Database(newPath, { readonly: true });
  try {
    database.prepare("ATTACH ? AS old").run(oldPath);
    const start = startOfRows(database, "main");
    if (start === startOfRows(database, "old") && isSameFrom(start, newPath, oldPath)) {
      return true;
    }
    const count = (list: string): number =>
      database.prepare<[], number>(`SELECT count(*) FROM ${list}.recipient`).pluck().get() ?? 0;
    // Both are in this order: SQLite merges them, and looks nothing up.
    const other = `${rowsOf("main")} EXCEPT ${rowsOf("old")} ORDER BY key, source LIMIT 1`;
    return count("main") === count("old") && database.prepare(other).get() === undefined;
  } finally {
    database.close();
  }
}

/** Offset of the page at which the tree of the rows begins. It is the last table: none of its pages is before that. */
function startOfRows(database: Database.Database, list: string): number {
  const pages = database
    .prepare<[], number>(`SELECT rootpage - 1 FROM ${list}.sqlite_schema WHERE name = 'recipient'`)
    .pluck()
    .get();
  return (pages ?? 0) * Number(database.pragma(`${list}.page_size`, { simple: true }));
}

/** Whether two files have the same octets from one place to their ends: the same pages are the same rows. */
function isSameFrom(start: number, ...paths: readonly [string, string]): boolean {
  const files = paths.map((path) => openSync(path, "r"));
  const pieces = files.map(() => Buffer.alloc(pieceSize));
  try {
    for (let at = start; ;) {
      const [one, other] = files.map((file, index) => {
        const piece = pieces[index] ?? Buffer.alloc(0);
        return piece.subarray(0, readSync(file, piece, 0, pieceSize, at));
      });
      if (one === undefined || other === undefined || !one.equals(other)) {
        return false;
      }
      if (one.length === 0) {
        return true;
      }
      at += one.length;
    }
  } finally {
    files.forEach((file) => closeSync(file));
  }
}

/** Whether every key that is there in both has the same rule; keys of both files must be of one form. */
export function haveSameRules(newPath: string, oldPath: string): boolean {
  const database = new Database(newPath, { readonly: true });
  try {
    database.prepare("ATTACH ? AS old").run(oldPath);
    const other = database.prepare(
      `SELECT 1 FROM main.recipient AS mine JOIN old.recipient AS other USING (key)
       WHERE mine.gone = 0 AND other.gone = 0 AND mine.rule <> other.rule LIMIT 1`,
    );
    const isSame = other.get() === undefined;
    return isSame && refusesNoMore(database, "main", "old") && refusesNoMore(database, "old", "main");
  } finally {
    database.close();
  }
}

/** Whether one list refuses no key that the other does not. */
function refusesNoMore(database: Database.Database, one: string, other: string): boolean {
  const keys = (of: string): string => `SELECT key FROM ${of}.recipient WHERE rule = '${refused.rule}'`;
  return database.prepare(`${keys(one)} EXCEPT ${keys(other)} LIMIT 1`).get() === undefined;
}

/** Says in a new file, which is not sealed yet, that its list served since the old one's did. */
export function continueList(newPath: string, { since }: Pick<Previous, "since">): void {
  const database = new Database(newPath);
  try {
    database.pragma("journal_mode = OFF");
    // What was freed must not be found where the checksum is looked for.
    database.pragma("secure_delete = ON");
    database.prepare("UPDATE meta SET value = ? WHERE key = 'since'").run(String(since));
  } finally {
    database.close();
  }
}
