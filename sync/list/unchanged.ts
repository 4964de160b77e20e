/**
 * Whether a new list says just what the old one said. Then it goes on rather than replaces it: it served since the
 * same time, and the old file is not worth one of the places of those that are kept.
 */
import Database from "better-sqlite3";

import { refused } from "../../src/snapshot/format.ts";
import { kindName } from "./build.ts";
import type { Previous } from "./previous.ts";

/** Pages of a file of this many KiB are kept while its rows are compared. */
const compareMemory = 16_384;

/**
 * Whether the rows of a scratch file, which is closed, are all those of an old file whose sources have the same
 * numbers. False also if a key was found twice with something else: then only the new list can tell.
 */
export function hasSameRows(scratchPath: string, oldPath: string): boolean {
  const database = new Database(scratchPath, { readonly: true });
  try {
    database.pragma(`cache_size = -${compareMemory}`);
    database.prepare("ATTACH ? AS old").run(oldPath);
    const count = (sql: string): number =>
      database.prepare<[], number>(`SELECT count(*) FROM ${sql}`).pluck().get() ?? 0;
    const rows = count("old.recipient");
    const other = database.prepare(
      `SELECT 1 FROM found LEFT JOIN old.recipient AS other ON other.key = found.key AND other.source = found.source
       WHERE other.kind IS NOT (${kindName.replace("CASE kind", "CASE found.kind")}) OR other.entry <> found.entry
         OR other.rule <> found.rule OR other.gone <> found.gone LIMIT 1`,
    );
    return (
      rows > 0 &&
      count("found") >= rows &&
      other.get() === undefined &&
      count("(SELECT 1 FROM found GROUP BY key, source)") === rows
    );
  } finally {
    database.close();
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
