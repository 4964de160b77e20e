/** How many rows a list has, by what the scratch file counted or by the rows themselves. Vanished keys do not count. */
import type Database from "better-sqlite3";

import { kinds } from "../../src/snapshot/format.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { Holdings } from "../read/holdings.ts";

/** Rows of a list that are there. */
export interface Built {
  readonly rows: number;
  /** Rows of each source, in the order of sources. */
  readonly bySource: readonly number[];
  /** Rows of each kind. */
  readonly byKind: Readonly<Record<Kind, number>>;
}

/** Counts an open list. @param sources how many it has @param holdings of its rows; not given: they are counted */
export function countRows(database: Database.Database, sources: number, holdings?: Holdings): Built {
  const counted = holdings === undefined ? count(database, sources) : countsOf(holdings, sources);
  return { rows: counted.bySource.reduce((sum, some) => sum + some, 0), ...counted };
}

/** Of no rows. */
function noCounts(sources: number) {
  // Object.fromEntries forgets its keys.
  const byKind = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  const bySource = Array.from({ length: sources }, () => 0);
  return { byKind, bySource };
}

function countsOf({ there }: Holdings, sources: number): Omit<Built, "rows"> {
  const { byKind, bySource } = noCounts(sources);
  for (const [source, ofKinds] of there) {
    for (const [kind, rows] of ofKinds) {
      byKind[kind] += rows;
      bySource[source - 1] = (bySource[source - 1] ?? 0) + rows;
    }
  }
  return { byKind, bySource };
}

function count(database: Database.Database, sources: number): Omit<Built, "rows"> {
  const { byKind, bySource } = noCounts(sources);
  const select = database.prepare<[], { source: number; kind: Kind; rows: number }>(
    "SELECT source, kind, count(*) AS rows FROM recipient WHERE gone = 0 GROUP BY source, kind",
  );
  for (const { source, kind, rows } of select.all()) {
    byKind[kind] += rows;
    bySource[source - 1] = (bySource[source - 1] ?? 0) + rows;
  }
  return { byKind, bySource };
}
