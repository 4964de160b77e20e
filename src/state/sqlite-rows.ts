/** The rows of the state in SQLite: what each operation does there. Times in ms. */
import type Database from "better-sqlite3";

import type { TableOptions, Tally } from "./store.ts";

/** One operation, as it comes to the thread. */
export type Request =
  | { readonly kind: "get"; readonly table: TableOptions; readonly key: string }
  | {
      readonly kind: "put";
      readonly table: TableOptions;
      readonly key: string;
      readonly text: string;
      readonly ttl: number;
    }
  | {
      readonly kind: "add";
      readonly table: TableOptions;
      readonly key: string;
      readonly by: number;
      readonly ttl: number;
    }
  | {
      readonly kind: "swap";
      readonly table: TableOptions;
      readonly key: string;
      readonly expected: string | undefined;
      readonly text: string | undefined;
      readonly ttl: number;
    }
  | { readonly kind: "delete"; readonly table: TableOptions; readonly key: string }
  | { readonly kind: "scan"; readonly table: TableOptions; readonly prefix: string; readonly limit: number };

/** Writes of a large table between two looks at its size: it may be larger by so many. */
const lookEvery = 1000;
/** How often expired rows are removed. */
const sweepEvery = 60_000;

/** Operations on the rows of the state in SQLite. */
export class SqliteRows {
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;
  /** Tables with rows that were written since their size was looked at. */
  readonly #written = new Map<string, { readonly table: TableOptions; count: number }>();
  #order = 0;
  #swept = Number.NEGATIVE_INFINITY;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** Runs operations in their order, in one transaction if one of them writes. @param now ms since 1970 */
  run(requests: readonly Request[], now: number): unknown[] {
    const work = (): unknown[] => {
      const answers = requests.map((request) => this.#answer(request, now));
      this.#evict();
      this.#sweep(now);
      return answers;
    };
    const writes = requests.some(({ kind }) => kind !== "get" && kind !== "scan");
    return writes ? this.#database.transaction(work).immediate() : requests.map((one) => this.#answer(one, now));
  }

  #answer(request: Request, now: number): unknown {
    const { table } = request;
    const { find, remove, list } = this.#statements;
    switch (request.kind) {
      case "get":
        return find.get(table.name, request.key, now, latestEnd(table, now));
      case "put":
        this.#put(table, request.key, request.text, now + request.ttl, now);
        return undefined;
      case "add":
        return this.#add(table, request.key, request.by, request.ttl, now);
      case "swap":
        return this.#swap(request, now);
      case "delete":
        remove.run(table.name, request.key);
        return undefined;
      case "scan":
        return list.all(
          now,
          table.name,
          request.prefix,
          `${request.prefix}\u{10ffff}`,
          now,
          latestEnd(table, now),
          request.limit,
        );
    }
  }

  #put(table: TableOptions, key: string, text: string, until: number, now: number): void {
    this.#statements.write.run(table.name, key, text, until, this.#stamp(now));
    const written = this.#written.get(table.name) ?? { table, count: 0 };
    written.count++;
    this.#written.set(table.name, written);
  }

  #add(table: TableOptions, key: string, by: number, ttl: number, now: number): Tally {
    const old = this.#statements.findWithEnd.get(table.name, key, now, latestEnd(table, now));
    const count = Number(old?.value ?? 0) + by;
    const until = old?.until ?? now + ttl;
    this.#put(table, key, String(count), until, now);
    return { count, left: until - now };
  }

  #swap({ table, key, expected, text, ttl }: Extract<Request, { kind: "swap" }>, now: number): boolean {
    if (this.#statements.find.get(table.name, key, now, latestEnd(table, now)) !== expected) {
      return false;
    }
    if (text === undefined) {
      this.#statements.remove.run(table.name, key);
    } else {
      this.#put(table, key, text, now + ttl, now);
    }
    return true;
  }

  /** When a row was written, distinguished within a millisecond. */
  #stamp(now: number): number {
    this.#order = (this.#order + 1) % 1000;
    return now * 1000 + this.#order;
  }

  #evict(): void {
    for (const [name, { table, count }] of this.#written) {
      if (count >= Math.min(lookEvery, table.most / 10)) {
        const extra = (this.#statements.size.get(name) ?? 0) - table.most;
        if (extra > 0) {
          this.#statements.evict.run(name, name, extra);
        }
        this.#written.delete(name);
      }
    }
  }

  #sweep(now: number): void {
    if (Math.abs(now - this.#swept) >= sweepEvery) {
      this.#swept = now;
      this.#statements.sweep.run(now);
    }
  }
}

/** Processes read the clock before they wait for each other. */
const slack = 60_000;

/** No row that was written by now can have a later end, unless the clock was set back. */
function latestEnd({ ttl }: TableOptions, now: number): number {
  return now + ttl + slack;
}

/**
 * A row counts until its end, and no longer than its table allows: a clock that was set back does not keep it for
 * years.
 */
const alive = "until > ? AND until <= ?";

function prepare(database: Database.Database) {
  return {
    find: database
      .prepare<[string, string, number, number], string>(
        `SELECT value FROM rows WHERE name = ? AND key = ? AND ${alive}`,
      )
      .pluck(),
    findWithEnd: database.prepare<[string, string, number, number], { readonly value: string; readonly until: number }>(
      `SELECT value, until FROM rows WHERE name = ? AND key = ? AND ${alive}`,
    ),
    write: database.prepare<[string, string, string, number, number]>(
      "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
    ),
    remove: database.prepare<[string, string]>("DELETE FROM rows WHERE name = ? AND key = ?"),
    list: database
      .prepare<[number, string, string, string, number, number, number], [string, string, number]>(
        `SELECT key, value, until - ? FROM rows WHERE name = ? AND key >= ? AND key < ? AND ${alive} LIMIT ?`,
      )
      .raw(),
    size: database.prepare<[string], number>("SELECT count(*) FROM rows WHERE name = ?").pluck(),
    evict: database.prepare<[string, string, number]>(
      "DELETE FROM rows WHERE name = ? AND key IN (SELECT key FROM rows WHERE name = ? ORDER BY written LIMIT ?)",
    ),
    sweep: database.prepare<[number]>("DELETE FROM rows WHERE until <= ?"),
  };
}
