/**
 * Makes the new snapshot file from the rows that were read: sorted, so that memory stays bounded and bytes do not depend on
 * the order of reading.
 */
import { closeSync, openSync } from "node:fs";

import Database from "better-sqlite3";

import { applicationId, ddl, kinds, refused, unsealed, versionOf, wildcardKinds } from "../../src/snapshot/format.ts";
import type { Kind, MetaKey, SourceRow } from "../../src/snapshot/format.ts";
import type { Holdings } from "../read/holdings.ts";
import type { Scratch } from "../read/scratch.ts";
import { askList } from "./ask-list.ts";
import { countRows } from "./count.ts";
import type { Built } from "./count.ts";

/** What goes into the file beside the rows. */
export interface BuildFacts {
  /** In the order of their numbers, from 1. */
  readonly sources: readonly SourceRow[];
  /** ms since 1970. */
  readonly created: number;
  /** When the run began, ms since 1970. */
  readonly started?: number;
  readonly host: string;
  readonly version: string;
  /** Of a protected list, see protect.ts. */
  readonly extra?: Partial<Record<MetaKey, string>>;
  /** Ids of sources that are directories. */
  readonly directories?: readonly number[];
  /** Keys from before that vanished stay, and say since when. */
  readonly grace?: Grace | undefined;
}

/** Which rows of the old snapshot stay although their source gave them no more. Times are ms since 1970. */
export interface Grace {
  /** The old snapshot. */
  readonly path: string;
  /** Numbers of sources that were read, with their names. */
  readonly sources: readonly { readonly id: number; readonly name: string }[];
  readonly now: number;
  /** What vanished before is forgotten. */
  readonly oldest: number;
}

/** For sorting, in KiB; beyond it SQLite sorts in temporary files. */
const sortMemory = 16_384;
/**
 * Fills a new file. Not sealed yet.
 * @throws what SQLite throws, also if the result is incomplete
 */
export function buildSnapshot(path: string, scratch: Pick<Scratch, "groups" | "holdings">, facts: BuildFacts): Built {
  // No other process may read it before it has its group.
  closeSync(openSync(path, "wx", 0o600));
  const database = new Database(path);
  try {
    database.pragma("journal_mode = OFF");
    database.pragma("synchronous = OFF");
    database.pragma("locking_mode = EXCLUSIVE");
    database.pragma(`application_id = ${applicationId}`);
    database.pragma(`cache_size = -${sortMemory}`);
    if (facts.grace !== undefined) {
      database.prepare("ATTACH ? AS old").run(facts.grace.path);
    }
    database.exec("BEGIN");
    const holdings = fill(database, scratch, facts);
    const built = describe(database, facts, holdings);
    database.exec("COMMIT");
    const verdict = database.pragma("integrity_check(1)", { simple: true });
    if (verdict !== "ok") {
      throw new Error(`Cannot publish: the new file is damaged: ${String(verdict)}`);
    }
    return built;
  } finally {
    database.close();
  }
}

/** What a file has that is there already. @param sources how many it has */
export function builtAt(path: string, sources: number): Built {
  return askList(path, (database) => countRows(database, sources));
}

/** What `meta` would say of the directories in a file that is there already. @param directories ids of sources */
export function directoriesOf(path: string, directories: readonly number[]): string {
  return askList(path, (database) => catchAllSources(database, directories).directories ?? "");
}

/**
 * Rows as they come. SQLite asks a table of JavaScript for a column each time it needs it, so they go through a subquery
 * whose columns are asked for once: only one with a limit is not made a part of the query around it.
 */
const feed = "(SELECT source, kind, rule, gone, members FROM feed LIMIT -1)";
const kindName = `CASE f.kind ${kinds.map((kind, rank) => `WHEN ${rank} THEN '${kind}'`).join(" ")} END`;
const ranks: ReadonlyMap<Kind, number> = new Map(kinds.map((kind, rank) => [kind, rank]));

/**
 * Of rows with the same key and source the first one stays: one that is there, then one that is open.
 * @returns what the list holds, if that is what the scratch file holds but for rows that vanished
 */
function fill(
  database: Database.Database,
  scratch: Pick<Scratch, "groups" | "holdings">,
  { grace }: BuildFacts,
): Holdings | undefined {
  database.exec(ddl);
  database.table("feed", {
    columns: ["source", "kind", "rule", "gone", "members"],
    directOnly: true,
    *rows() {
      for (const { source, kind, rule, gone, members } of scratch.groups()) {
        yield [source, ranks.get(kind), rule, gone, members];
      }
    },
  });
  const sort = database.prepare(
    `INSERT OR IGNORE INTO recipient SELECT row.value, f.source, ${kindName}, row.key, f.rule, f.gone
     FROM ${feed} AS f, json_each(f.members) AS row
     ORDER BY row.value, f.source, f.gone, f.rule <> '', f.kind, row.key, f.rule`,
  );
  const holdings = scratch.holdings();
  const isExact = sort.run().changes === holdings.rows;
  const vanished = grace === undefined ? 0 : keepVanished(database, grace);
  return isExact
    ? { ...holdings, hasWildcards: holdings.hasWildcards || (vanished > 0 && hasWildcards(database)) }
    : undefined;
}

/** What the file says of its rows. @param holdings not given: its rows are counted */
function describe(database: Database.Database, facts: BuildFacts, holdings?: Holdings): Built {
  const { sources, created, started, host, version, extra } = facts;
  const built = countRows(database, sources.length, holdings);
  const insertSource = database.prepare("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const [index, { name, domains, readAt, triedAt, entries, fault, reached }] of sources.entries()) {
    insertSource.run(index + 1, name, domains, readAt, triedAt, entries, fault, reached);
  }
  const wild = holdings?.hasWildcards ?? hasWildcards(database);
  database.pragma(`user_version = ${versionOf(extra?.keyed !== undefined, wild)}`);
  const open = wild ? catchAllSources(database, facts.directories ?? []) : {};
  const run = started === undefined ? {} : { started };
  const meta = {
    ...{ created, digest: unsealed, host, rows: built.rows, since: created, version },
    ...run,
    ...extra,
    ...open,
  } satisfies Partial<Record<MetaKey, string | number>>;
  const insertMeta = database.prepare("INSERT INTO meta VALUES (?, ?)");
  for (const [key, value] of Object.entries(meta)) {
    insertMeta.run(key, String(value));
  }
  return built;
}

function hasWildcards(database: Database.Database): boolean {
  const names = wildcardKinds.map((kind) => `'${kind}'`).join(", ");
  const some = `SELECT 1 FROM recipient WHERE kind IN (${names}) OR rule = '${refused.rule}' LIMIT 1`;
  return database.prepare(some).get() !== undefined;
}

/** Which directories gave a catch-all. */
function catchAllSources(
  database: Database.Database,
  directories: readonly number[],
): Partial<Record<MetaKey, string>> {
  const all = database
    .prepare<[], number>("SELECT DISTINCT source FROM recipient WHERE kind = 'catchall' ORDER BY source")
    .pluck()
    .all()
    .filter((id) => directories.includes(id));
  return all.length === 0 ? {} : { directories: all.join(" ") };
}

/** @returns how many rows stay */
function keepVanished(database: Database.Database, { sources, now, oldest }: Grace): number {
  const keep = database.prepare(
    `INSERT OR IGNORE INTO recipient
     SELECT key, $id, kind, entry, rule, CASE gone WHEN 0 THEN $now ELSE gone END
     FROM old.recipient WHERE source = (SELECT id FROM old.source WHERE name = $name) AND (gone = 0 OR gone >= $oldest)`,
  );
  return sources.reduce((sum, { id, name }) => sum + keep.run({ id, name, now, oldest }).changes, 0);
}
