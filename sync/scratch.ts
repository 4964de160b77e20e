/**
 * Where rows go while sources are read: an unsorted table in a temporary file, so that memory stays bounded however
 * large the directory is. Nobody reads it but the same process, so it needs neither journal nor fsync.
 */
import { closeSync, openSync } from "node:fs";

import Database from "better-sqlite3";

import { kinds } from "../src/snapshot/format.ts";
import type { Kind } from "../src/snapshot/format.ts";

/** One row on its way into the snapshot. */
export interface ScratchRow {
  readonly key: string;
  readonly kind: Kind;
  readonly entry: string;
}

/** See the file's first lines. */
export interface Scratch {
  readonly path: string;
  /** Adds rows of a source. The same key may come twice. */
  add(source: number, rows: readonly ScratchRow[]): void;
  /** Forgets what a source gave. */
  drop(source: number): void;
  close(): void;
}

/** Makes an empty scratch file. */
export function createScratch(path: string): Scratch {
  // Exclusively: a link that somebody put there is not followed.
  closeSync(openSync(path, "wx", 0o600));
  const database = new Database(path);
  database.pragma("journal_mode = OFF");
  database.pragma("synchronous = OFF");
  database.pragma("locking_mode = EXCLUSIVE");
  database.exec(
    "CREATE TABLE found (key TEXT NOT NULL, source INTEGER NOT NULL, kind INTEGER NOT NULL, entry TEXT NOT NULL)",
  );
  const insert = database.prepare(
    "INSERT INTO found SELECT value ->> 0, ?, value ->> 1, value ->> 2 FROM json_each(?)",
  );
  const remove = database.prepare("DELETE FROM found WHERE source = ?");
  const ranks = new Map(kinds.map((kind, rank) => [kind, rank]));
  return {
    path,
    add: (source, rows) => {
      if (rows.length > 0) {
        insert.run(source, JSON.stringify(rows.map(({ key, kind, entry }) => [key, ranks.get(kind), entry])));
      }
    },
    drop: (source) => void remove.run(source),
    close: () => void database.close(),
  };
}
