/** Every row of a snapshot that is deliverable, for an export. */
import type Database from "better-sqlite3";

import type { Kind } from "./format.ts";

/** One row of the whole list. */
export interface ListedRow {
  readonly key: string;
  readonly kind: Kind;
  /** The relay domains of its source, joined by a blank; "" is every one. */
  readonly domains: string;
}

/** In key order. */
export function listRows(database: Database.Database): Iterable<ListedRow> {
  return database
    .prepare<[], ListedRow>(
      `SELECT key, kind, domains FROM recipient JOIN source ON source = id WHERE gone = 0 ORDER BY key, source`,
    )
    .iterate();
}
