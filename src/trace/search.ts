/** The journal as it is read: by one part after the other, the newest first. */
import type Database from "better-sqlite3";

import { errorMessage } from "../report/error-message.ts";
import type { MailEvent } from "../report/event.ts";
import { findIn, readPart } from "./part-file.ts";
import { partsIn } from "./parts.ts";
import type { Wanted } from "./search-keys.ts";

/** A part that could not be read. */
export interface Unread {
  readonly path: string;
  readonly why: string;
}

/** What a reader of parts has come to. */
export interface Readings<Found> {
  readonly found: readonly Found[];
  readonly unread: readonly Unread[];
}

const day = 86_400_000;

/**
 * Reads the parts of a folder, newest first.
 * @param since ms since 1970; parts of earlier days are left out
 * @param read what to take of one; undefined: enough is known
 */
export function readParts<Found>(
  folder: string,
  since: number,
  read: (database: Database.Database) => Found | undefined,
): Readings<Found> {
  const found: Found[] = [];
  const unread: Unread[] = [];
  const parts = partsIn(folder).filter(({ begins }) => begins + day > since);
  for (const { path } of parts.toReversed()) {
    let database: Database.Database | undefined;
    try {
      database = readPart(path);
      // One transaction: without it SQLite locks the file again for each row.
      const taken = database.transaction(read)(database);
      if (taken === undefined) {
        break;
      }
      found.push(taken);
    } catch (error) {
      unread.push({ path, why: errorMessage(error) });
    } finally {
      database?.close();
    }
  }
  return { found, unread };
}

/** The newest events that are wanted, oldest first. */
export function searchJournal(folder: string, wanted: Wanted, since: number, limit: number): Readings<MailEvent> {
  let left = limit;
  const { found, unread } = readParts(folder, since, (database) => {
    const events = left > 0 ? findIn(database, wanted, since, left) : undefined;
    left -= events?.length ?? 0;
    return events;
  });
  // Workers write in batches: rows of a part are nearly in order, and those of one millisecond are.
  return {
    found: found
      .flat()
      .toReversed()
      .toSorted((a, b) => a.at - b.at),
    unread,
  };
}
