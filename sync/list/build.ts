/**
 * Makes the new snapshot file from the rows that were read: sorted, so that memory stays bounded and bytes do not depend on
 * the order of reading.
 */
import type Database from "better-sqlite3";

import { refused, unsealed, versionOf, wildcardKinds } from "../../src/snapshot/format.ts";
import type { MetaKey, SourceRow } from "../../src/snapshot/format.ts";
import type { Holdings } from "../read/holdings.ts";
import type { Scratch } from "../read/scratch.ts";
import { askList } from "./ask-list.ts";
import { countRows } from "./count.ts";
import type { Built } from "./count.ts";
import { createList, fillList, openNewList } from "./fill.ts";

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

/**
 * Fills a new file. Not sealed yet.
 * @param filled how many rows it has already, which are all; not given: the file is not there yet
 * @throws what SQLite throws, also if the result is incomplete
 */
export function buildSnapshot(
  path: string,
  scratch: Pick<Scratch, "groups" | "holdings">,
  facts: BuildFacts,
  filled?: number,
): Built {
  if (filled === undefined) {
    createList(path);
  }
  const database = openNewList(path);
  try {
    const { grace } = facts;
    if (grace !== undefined) {
      database.prepare("ATTACH ? AS old").run(grace.path);
    }
    database.exec("BEGIN");
    const rows = filled ?? fillList(database, scratch.groups());
    const vanished = grace === undefined ? 0 : keepVanished(database, grace);
    const built = describe(database, facts, held(database, scratch.holdings(), rows, vanished));
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

/** What `meta` would say of the directories in a file that is there already. @param directories ids of sources */
export function directoriesOf(path: string, directories: readonly number[]): string {
  return askList(path, (database) => catchAllSources(database, directories).directories ?? "");
}

/** What a list holds, by what the scratch file holds; undefined if a source gave a key twice. */
function held(database: Database.Database, holdings: Holdings, rows: number, vanished: number): Holdings | undefined {
  return rows === holdings.rows
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
