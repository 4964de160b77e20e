/** One file of the journal: its tables, and what is written and looked for there. */
import { closeSync, openSync, readSync } from "node:fs";

import Database from "better-sqlite3";

import type { MailEvent } from "../report/event.ts";
import { openOwnFile, verifyForm } from "../state/sqlite-file.ts";
import type { FileForm, MovedAside } from "../state/sqlite-file.ts";
import { cellsOf, columns, columnTypes, eventOfRow } from "./event-row.ts";
import type { Row } from "./event-row.ts";
import { keysOf } from "./search-keys.ts";
import type { Wanted } from "./search-keys.ts";
import { countSince, readTotals, totalsSchema, TotalsWriter } from "./totals.ts";
import type { PartTotals, Written } from "./totals.ts";

/** "gmtr". */
const form: FileForm = {
  name: "journal",
  applicationId: 0x676d_7472,
  version: 2,
  // One index for all that may be asked for: it is the smaller half of the file, and one to keep up to date.
  schema: `
    CREATE TABLE events (id INTEGER PRIMARY KEY, ${columnTypes});
    CREATE TABLE keys (key INTEGER NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (key, event)) WITHOUT ROWID;
    ${totalsSchema}
  `,
  isSmall: false,
};
/** Without totals, and without what lookups add to an event. Nothing is written to it any more. */
const older: FileForm = { ...form, version: 1 };

/** Whether a part was made by an earlier version, so that events go to another. */
export function isOlder(path: string): boolean {
  const head = Buffer.alloc(4);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    // Its user_version: https://www.sqlite.org/fileformat.html, 1.3.
    return readSync(file, head, 0, head.length, 60) === head.length && head.readUInt32BE() === older.version;
  } catch {
    // Whoever opens it says why it cannot be read.
    return false;
  } finally {
    if (file !== undefined) {
      closeSync(file);
    }
  }
}

/** Opens a part to write to it, or makes it. @throws Error if it cannot be used at present */
export function openPart(path: string, moved: MovedAside): Database.Database {
  return openOwnFile(path, form, moved);
}

/** Opens a part to read it. @throws Error if it cannot be used */
export function readPart(path: string): Database.Database {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 1000 });
  try {
    verifyForm(database, path, hasTotals(database) ? form : older);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function hasTotals(database: Database.Database): boolean {
  return database.pragma("user_version", { simple: true }) !== older.version;
}

/** What a part comes to. @param since ms since 1970 */
export function totalsIn(database: Database.Database, since: number): PartTotals[] {
  return hasTotals(database) ? readTotals(database, since) : [countSince(database, since)];
}

/** Closes a part to which nothing is written any more: readers need no files beside it then. */
export function finishPart(database: Database.Database): void {
  try {
    database.pragma("journal_mode = DELETE");
  } catch {
    // Another worker has it open still, and finishes it.
  }
  database.close();
}

/** Writes events, all or none. */
export class PartWriter {
  readonly #database: Database.Database;
  readonly #insert: Database.Statement;
  readonly #index: Database.Statement<[number, number]>;
  readonly #totals: TotalsWriter;

  constructor(database: Database.Database) {
    this.#database = database;
    // Keys are numbers without an order: pages of the index are wanted again soon.
    database.pragma("cache_size = -16000");
    database.pragma("journal_mode = WAL");
    database.pragma("wal_autocheckpoint = 4000");
    this.#insert = database.prepare(
      `INSERT INTO events (${columns.map((name) => `"${name}"`).join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    );
    this.#index = database.prepare("INSERT OR IGNORE INTO keys VALUES (?, ?)");
    this.#totals = new TotalsWriter(database);
  }

  write(events: readonly MailEvent[]): void {
    this.#database
      .transaction(() => {
        const written = events.map((event): Written => {
          const row = Number(this.#insert.run(...cellsOf(event)).lastInsertRowid);
          for (const key of keysOf(event)) {
            this.#index.run(key, row);
          }
          return [event, row];
        });
        this.#totals.write(written);
      })
      .immediate();
  }
}

/** Above every id: where to begin. */
export const newest = 999_999_999_999_999;
/** Ids that are asked for at a time. */
const bite = 500;

/**
 * Ids of events that have one of the keys, those below an id, the newest first.
 * @param most of them; so many are read of each key, however many it has
 */
export function idsWith(
  database: Database.Database,
  keys: readonly number[],
  below: number,
  most: number,
): readonly number[] {
  const ofKey = database
    .prepare<[number, number, number], number>(
      "SELECT event FROM keys WHERE key = ? AND event < ? ORDER BY event DESC LIMIT ?",
    )
    .pluck();
  const ids = new Set(keys.flatMap((key) => ofKey.all(key, below, most)));
  return [...ids].toSorted((a, b) => b - a).slice(0, most);
}

/** Events of a part that are wanted, newest first. @param since ms since 1970 */
export function findIn(database: Database.Database, wanted: Wanted, since: number, limit: number): MailEvent[] {
  const get = database.prepare<[number], Row>("SELECT * FROM events WHERE id = ?");
  const found: MailEvent[] = [];
  for (let below = newest; below > 0;) {
    const ids = idsWith(database, wanted.keys, below, bite);
    for (const id of ids) {
      const row = get.get(id);
      const event = row === undefined ? undefined : eventOfRow(row);
      if (event !== undefined && event.at >= since && wanted.fits(event) && found.push(event) >= limit) {
        return found;
      }
    }
    below = ids.length < bite ? 0 : (ids.at(-1) ?? 0);
  }
  return found;
}
