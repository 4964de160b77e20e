/** Puts the rows that were read into a new list, sorted. */
import { closeSync, openSync } from "node:fs";

import Database from "better-sqlite3";

import { applicationId, ddl, kinds } from "../../src/snapshot/format.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { Group } from "../read/groups.ts";

/** For sorting, in KiB; beyond it SQLite sorts in temporary files. */
const sortMemory = 8192;

/**
 * Rows as they come. SQLite asks a table of JavaScript for a column each time it needs it, so they go through a subquery
 * whose columns are asked for once: only one with a limit is not made a part of the query around it.
 */
const feed = "(SELECT source, kind, rule, gone, CAST(members AS TEXT) AS members FROM feed LIMIT -1)";
const kindName = `CASE f.kind ${kinds.map((kind, rank) => `WHEN ${rank} THEN '${kind}'`).join(" ")} END`;
const ranks: ReadonlyMap<Kind, number> = new Map(kinds.map((kind, rank) => [kind, rank]));

/** Makes the file of a list. @throws what SQLite throws, or that it is there */
export function createList(path: string): void {
  // Exclusively; and no other process may read it before it has its group.
  closeSync(openSync(path, "wx", 0o600));
}

/** Opens the file of a list that nobody reads yet. Closed, it is complete: it needs neither journal nor fsync before. */
export function openNewList(path: string): Database.Database {
  const database = new Database(path, { fileMustExist: true });
  database.pragma("journal_mode = OFF");
  database.pragma("synchronous = OFF");
  database.pragma("locking_mode = EXCLUSIVE");
  database.pragma(`cache_size = -${sortMemory}`);
  return database;
}

/**
 * Fills an empty file. Of rows with the same key and source the first one stays: one that is there, then one that is open.
 * @param groups whose rules are those of the list
 * @returns how many rows it has
 */
export function fillList(database: Database.Database, groups: Iterable<Group>): number {
  database.pragma(`application_id = ${applicationId}`);
  database.exec(ddl);
  database.table("feed", {
    columns: ["source", "kind", "rule", "gone", "members"],
    directOnly: true,
    *rows() {
      for (const { source, kind, rule, gone, members } of groups) {
        yield [source, ranks.get(kind), rule, gone, members];
      }
    },
  });
  const sort = database.prepare(
    `INSERT OR IGNORE INTO recipient SELECT row.value, f.source, ${kindName}, row.key, f.rule, f.gone
     FROM ${feed} AS f, json_each(f.members) AS row
     ORDER BY row.value, f.source, f.gone, f.rule <> '', f.kind, row.key, f.rule`,
  );
  return sort.run().changes;
}
