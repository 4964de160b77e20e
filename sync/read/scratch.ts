/**
 * Where rows go while sources are read: an unsorted table in a temporary file, so that memory stays bounded however
 * large the directory is. Nobody reads it but the same process, so it needs neither journal nor fsync.
 */
import { closeSync, openSync } from "node:fs";

import Database from "better-sqlite3";

import { kinds } from "../../src/snapshot/format.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { resolveRule, unresolvedPattern, untoldPattern } from "../convert/restrictions.ts";
import type { Person } from "../source.ts";
import { countHoldings } from "./holdings.ts";
import type { Holdings } from "./holdings.ts";

/** One row on its way into the snapshot. */
export interface ScratchRow {
  readonly key: string;
  readonly kind: Kind;
  readonly entry: string;
  /** See src/snapshot/format.ts; not given: "" and 0. */
  readonly rule?: string;
  readonly gone?: number;
}

/** The scratch file of a sync. */
export interface Scratch {
  readonly path: string;
  /** Adds rows of a source. The same key may come twice. */
  add(source: number, rows: readonly ScratchRow[]): void;
  /** Adds entries that rules of the same source may name. */
  addPeople(source: number, people: readonly Person[]): void;
  /** Turns the DNs in rules into addresses. @returns rules that name what cannot be resolved: those rows are open */
  resolveRules(): number;
  /**
   * Counts keys that another list lacks, or has with a rule that these rows have not. Rows whose rule names entries
   * that were not read now are forgotten if the list has the key.
   */
  countNew(listPath: string): number;
  /** Forgets what a source gave. */
  drop(source: number): void;
  /** What it holds; undefined: it was not counted. */
  holdings(): Holdings | undefined;
  /** Writes what is not written yet, for others to read, and closes the file. @throws what SQLite throws (disk full) */
  finish(): void;
  /** Closes the file, which nobody needs any more. */
  close(): void;
}

/**
 * Pages of a file that is filled or read from its beginning to its end are of no use any more: so many KiB of them are
 * kept in memory.
 */
export const streamMemory = 2048;
/** Pages of a file in which rows are looked up. */
const lookupMemory = 16_384;

/** Makes an empty scratch file. */
export function createScratch(path: string): Scratch {
  const database = openEmpty(path);
  const insert = database.prepare("INSERT INTO found SELECT value, ?, ?, key, ?, ? FROM json_each(?)");
  const insertPeople = database.prepare("INSERT INTO person SELECT ?, value ->> 0, value ->> 1 FROM json_each(?)");
  const remove = ["found", "person"].map((table) => database.prepare(`DELETE FROM ${table} WHERE source = ?`));
  const count = countHoldings();
  let isCounted = true;
  return {
    path,
    add: (source, rows) => {
      for (const { kind, rule, gone, members } of groupsOf(rows)) {
        insert.run(source, ranks.get(kind), rule, gone, `{${members.join(",")}}`);
        count.add(source, { kind, rule, gone, rows: members.length });
      }
    },
    addPeople: (source, people) => {
      if (people.length > 0) {
        insertPeople.run(source, JSON.stringify(people.map(({ dn, keys }) => [dn, keys])));
      }
    },
    // Most directories say nothing about who may write.
    resolveRules: () => (count.hasRules ? resolveRules(database) : 0),
    countNew: (listPath) => {
      isCounted = false;
      return countNew(database, listPath);
    },
    drop: (source) => {
      remove.forEach((statement) => void statement.run(source));
      count.drop(source);
    },
    holdings: () => (isCounted ? count.sum() : undefined),
    finish: () => {
      database.exec("COMMIT");
      database.close();
    },
    close: () => void database.close(),
  };
}

function openEmpty(path: string): Database.Database {
  // Exclusively: a link that somebody put there is not followed.
  closeSync(openSync(path, "wx", 0o600));
  const database = new Database(path);
  database.pragma("journal_mode = OFF");
  database.pragma("synchronous = OFF");
  database.pragma("locking_mode = EXCLUSIVE");
  database.pragma(`cache_size = -${streamMemory}`);
  // One transaction for all of it: each writes the pages that it changed.
  database.exec(
    `CREATE TABLE found (
       key TEXT NOT NULL, source INTEGER NOT NULL, kind INTEGER NOT NULL, entry TEXT NOT NULL,
       rule TEXT NOT NULL, gone INTEGER NOT NULL
     );
     CREATE TABLE person (source INTEGER NOT NULL, dn TEXT NOT NULL, keys TEXT NOT NULL);
     BEGIN`,
  );
  return database;
}

const ranks: ReadonlyMap<Kind, number> = new Map(kinds.map((kind, rank) => [kind, rank]));

interface Group {
  readonly kind: Kind;
  readonly rule: string;
  readonly gone: number;
  /** Of a JSON object from entries to keys; a name that comes twice is two rows. */
  readonly members: string[];
}

/** Rows that differ in nothing but key and entry: one statement for all of them, a third of the time. */
function groupsOf(rows: readonly ScratchRow[]): Iterable<Group> {
  const groups = new Map<string, Group>();
  let group: Group | undefined;
  for (const { key, kind, entry, rule = "", gone = 0 } of rows) {
    // Most rows are like the one before.
    if (group === undefined || group.kind !== kind || group.gone !== gone || group.rule !== rule) {
      const name = `${kind} ${gone} ${rule}`;
      group = groups.get(name) ?? { kind, rule, gone, members: [] };
      groups.set(name, group);
    }
    group.members.push(`${JSON.stringify(entry)}:${JSON.stringify(key)}`);
  }
  return groups.values();
}

function resolveRules(database: Database.Database): number {
  const rules = database
    .prepare<[string, string], { source: number; rule: string }>(
      "SELECT DISTINCT source, rule FROM found WHERE rule GLOB ? OR rule GLOB ?",
    )
    .all(unresolvedPattern, untoldPattern);
  if (rules.length === 0) {
    return 0;
  }
  database.pragma(`cache_size = -${lookupMemory}`);
  database.exec("CREATE INDEX person_dn ON person (dn, source)");
  const find = database
    .prepare<[string, number], string>("SELECT keys FROM person WHERE dn = ? AND source = ?")
    .pluck();
  const update = database.prepare("UPDATE found SET rule = ? WHERE source = ? AND rule = ?");
  const readKeys = (text: string): string[] => JSON.parse(text);
  let open = 0;
  for (const { source, rule } of rules) {
    const resolved = resolveRule(rule, (dn) => find.all(dn, source).flatMap(readKeys));
    open += resolved === "" ? 1 : 0;
    update.run(resolved, source, rule);
  }
  return open;
}

function countNew(database: Database.Database, listPath: string): number {
  database.exec("COMMIT");
  database.prepare("ATTACH ? AS list").run(listPath);
  const known = `SELECT 1 FROM list.recipient AS other
    WHERE other.key = found.key AND other.source = found.source AND other.gone = 0`;
  database.prepare(`DELETE FROM found WHERE rule GLOB ? AND EXISTS (${known})`).run(unresolvedPattern);
  const count = database
    .prepare<[], number>(
      `SELECT count(DISTINCT key) FROM found
       WHERE NOT EXISTS (${known} AND (other.rule = '' OR other.rule = found.rule))`,
    )
    .pluck()
    .get();
  database.exec("DETACH list; BEGIN");
  return count ?? 0;
}
