/** Every row of a snapshot that is deliverable, or may be again, for an export. */
import type Database from "better-sqlite3";

import { refused } from "./format.ts";
import type { Kind } from "./format.ts";

/** One row of the complete list. */
export interface ListedRow {
  readonly key: string;
  readonly kind: Kind;
  /** The relay domains of its source, joined by a blank; "" is every one. */
  readonly domains: string;
  /** Deliverable to nobody, whatever wildcard covers it: 1; else 0. */
  readonly refused: 0 | 1;
}

/**
 * In key order, of several rows of a key one that is there first. Refusals are in it.
 * @param goneAfter rows that vanished later are in it, ms since 1970
 * @param without sources whose catch-alls are left out
 */
export function listRows(
  database: Database.Database,
  goneAfter: number,
  without: ReadonlySet<number>,
): Iterable<ListedRow> {
  return database
    .prepare<[number, string], ListedRow>(
      `SELECT key, kind, domains, rule = '${refused.rule}' AS refused FROM recipient JOIN source ON source = id
       WHERE (gone = 0 OR gone > ? OR rule = '${refused.rule}')
         AND (kind <> 'catchall' OR source NOT IN (SELECT value FROM json_each(?)))
       ORDER BY key, gone <> 0, refused, source`,
    )
    .iterate(goneAfter, JSON.stringify([...without]));
}
