/**
 * The snapshot that is about to be replaced: what it says of its sources, and the rows that a failed one keeps. Where
 * it is damaged, the newest good one of those that were kept: without any, nothing would guard the next list.
 */
import { existsSync } from "node:fs";

import Database from "better-sqlite3";

import { readLook } from "../../src/files/last-look.ts";
import { applicationId, sealTrace, versions } from "../../src/snapshot/format.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";
import type { ScratchRow } from "../read/scratch.ts";
import { judgeSeal } from "./seal.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** A source of the old snapshot. */
export interface PreviousSource extends SourceRow {
  /** Its rows. */
  readonly rows: number;
}

/** The previous snapshot. */
export interface Previous {
  readonly path: string;
  /** ms since 1970. */
  readonly created: number;
  /** How its keys are hashed, see src/snapshot/keyed.ts; undefined: not at all. */
  readonly mark: string | undefined;
  /** When its list first served, ms since 1970. */
  readonly since: number;
  /** When and why a person went back to it; undefined: nobody did. */
  readonly held: string | undefined;
  /** Where it was made, and by which version of goodmailto. */
  readonly host: string;
  readonly version: string;
  readonly isSigned: boolean;
  /** As `meta` has them. */
  readonly directories: string;
  /** Those that are there, here and in the sources. */
  readonly rows: number;
  readonly sources: ReadonlyMap<string, PreviousSource>;
  /** The rows of a source in pieces, in key order, vanished ones too. */
  rowsOf(name: string): Iterable<readonly ScratchRow[]>;
  /** The rule of a key that a source gave and that is there, by the number of the source. */
  ruleOf(source: number, key: string): string | undefined;
  close(): void;
}

/** What was found. */
export interface PreviousFound {
  /** Undefined if there is no snapshot at all, or no good one. */
  readonly previous: Previous | undefined;
  /** Why the file in the snapshot's place is of no use; undefined if it is good or there is none. */
  readonly damage: string | undefined;
}

const piece = 10_000;
/** A file that is read from its beginning to its end needs no more of its pages in memory, in KiB. */
const streamMemory = 2048;

/** Codes that speak of the file's bytes. Any other (locked, no permission, I/O) says nothing about the list. */
const damaged = /^SQLITE_(?:NOTADB|CORRUPT|ERROR)/;

/**
 * Opens and checks the old snapshot.
 * @param keep how many kept ones there may be
 * @throws if the file cannot be read: it may be good, so nothing may replace it unguarded
 */
export function openPrevious(path: string, keep: number): PreviousFound {
  if (!existsSync(path)) {
    return { previous: undefined, damage: undefined };
  }
  const current = open(path);
  if (typeof current !== "string") {
    return { previous: current, damage: undefined };
  }
  for (let age = 1; age <= keep; age += 1) {
    const kept = existsSync(`${path}.${age}`) ? open(`${path}.${age}`) : "";
    if (typeof kept !== "string") {
      return { previous: kept, damage: current };
    }
  }
  return { previous: undefined, damage: current };
}

/** The snapshot, or what is wrong with its bytes. */
function open(path: string): Previous | string {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
    database.pragma(`cache_size = -${streamMemory}`);
    const damage = inspect(database, path);
    if (damage === undefined) {
      return readPrevious(database, path);
    }
    database.close();
    return damage;
  } catch (error) {
    database?.close();
    if (error instanceof Database.SqliteError && damaged.test(error.code)) {
      return error.message;
    }
    throw new Error(`Cannot read the old snapshot "${path}": ${errorMessage(error)}`, { cause: error });
  }
}

function inspect(database: Database.Database, path: string): string | undefined {
  const pragma = (name: string): unknown => database.pragma(name, { simple: true });
  if (pragma("application_id") !== applicationId || !versions.includes(Number(pragma("user_version")))) {
    return "not a snapshot of this version";
  }
  // A file whose every octet is as a sync has left it was looked through then.
  const seal = judgeSeal(path);
  if (seal === "whole") {
    return undefined;
  }
  const verdict = pragma("quick_check(1)");
  if (verdict !== "ok") {
    return String(verdict);
  }
  return seal === "none" && database.prepare(sealTrace).get() === undefined ? undefined : "its checksum is wrong";
}

/** How many rows each source has that are there, by its name: counted when somebody asks. */
function countLater(database: Database.Database): () => ReadonlyMap<string, number> {
  let counted: ReadonlyMap<string, number> | undefined;
  const count = database
    .prepare<[], [name: string, rows: number]>(
      "SELECT name, (SELECT count(*) FROM recipient WHERE source = id AND gone = 0) FROM source",
    )
    .raw();
  return () => (counted ??= new Map(count.all()));
}

function withRows(source: SourceRow, counted: () => ReadonlyMap<string, number>): PreviousSource {
  return {
    ...source,
    get rows() {
      return counted().get(source.name) ?? 0;
    },
  };
}

function readPrevious(database: Database.Database, path: string): Previous {
  const sources = database
    .prepare<[], SourceRow>(
      "SELECT name, domains, read_at AS readAt, tried_at AS triedAt, entries, fault, reached FROM source ORDER BY id",
    )
    .all();
  const counted = countLater(database);
  const meta = database.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck();
  const created = Number(meta.get("created"));
  const looked = readLook(path, created);
  const select = database.prepare<[string], ScratchRow>(
    "SELECT key, kind, entry, rule, gone FROM recipient WHERE source = (SELECT id FROM source WHERE name = ?)",
  );
  const find = database
    .prepare<[string, number], string>("SELECT rule FROM recipient WHERE key = ? AND source = ? AND gone = 0")
    .pluck();
  return {
    path,
    created,
    mark: meta.get("keyed"),
    since: Number(meta.get("since") ?? meta.get("created")),
    held: meta.get("held"),
    host: meta.get("host") ?? "",
    version: meta.get("version") ?? "",
    isSigned: meta.get("signature") !== undefined,
    directories: meta.get("directories") ?? "",
    get rows() {
      return [...counted().values()].reduce((sum, rows) => sum + rows, 0);
    },
    sources: new Map(sources.map((one) => [one.name, withRows({ ...one, ...looked.get(one.name) }, counted)])),
    ruleOf: (source, key) => find.get(key, source),
    rowsOf: (name) => inPieces(select.iterate(name)),
    close: () => void database.close(),
  };
}

function* inPieces(all: Iterable<ScratchRow>): Generator<readonly ScratchRow[]> {
  let rows: ScratchRow[] = [];
  for (const row of all) {
    rows.push(row);
    if (rows.length === piece) {
      yield rows;
      rows = [];
    }
  }
  yield rows;
}

/** When the snapshot at a path was made, ms since 1970; undefined if there is no good one. */
export function createdAt(path: string): number | undefined {
  try {
    const { previous } = openPrevious(path, 0);
    previous?.close();
    return previous?.created;
  } catch {
    return undefined;
  }
}
