/** The rows of the traffic: what a batch of notes changes, what is forgotten, what is handed over. */
import type Database from "better-sqlite3";

import type { KeyedForm } from "../snapshot/keyed.ts";
import { countedDays, dayOf, hashed, mostRecords, rememberedDays, weekDays } from "./record.ts";
import type { Named, TrafficRecord } from "./record.ts";
import { parseDays } from "./text.ts";
import type { Traffic } from "./text.ts";

/** A recipient that got so many messages. */
export interface AcceptedNote extends Named {
  readonly messages: number;
}

/** A recipient that a list refused: the addresses that it may stand for, and when that list was first published. */
export interface RefusedNote {
  readonly users: readonly string[];
  readonly domain: string;
  readonly list: number;
}

/** What came since the last batch. */
export interface Notes {
  readonly accepted: readonly AcceptedNote[];
  readonly refused: readonly RefusedNote[];
}

interface Row {
  readonly full: string;
  readonly bare: string;
  readonly domain: string;
  readonly last: number;
  readonly days: string;
  readonly list: number;
  readonly refused: number;
}

/** Operations on the file. */
export class TrafficRows {
  readonly #database: Database.Database;
  readonly #form: KeyedForm;
  readonly #statements: ReturnType<typeof prepare>;

  /** Hashes of another secret say nothing under this one: they are dropped. */
  constructor(database: Database.Database, form: KeyedForm) {
    this.#database = database;
    this.#form = form;
    this.#statements = prepare(database);
    database
      .transaction(() => {
        if (this.#statements.meta.get("mark") !== form.mark) {
          this.#statements.clear.run();
          this.#statements.setMeta.run("mark", form.mark);
        }
      })
      .immediate();
  }

  /** Writes a batch. Only within `locked`. @param now ms since 1970 */
  write({ accepted, refused }: Notes, now: number): void {
    const today = dayOf(now);
    accepted.forEach((note) => this.#accept(note, today));
    refused.forEach((note) => this.#refuse(note, today));
    this.#forget(today);
  }

  /**
   * Runs it in one transaction, while no other worker writes: neither to the file, nor to the text.
   * @throws Error if another process keeps the file under another secret by now: hashes of both would be mixed
   */
  locked<T>(run: () => T): T {
    return this.#database
      .transaction(() => {
        if (this.#statements.meta.get("mark") !== this.#form.mark) {
          throw new Error("another process of the relay uses another secret, or another [recipients] match");
        }
        return run();
      })
      .immediate();
  }

  /** All of it. @param now ms since 1970 @param list as in the text */
  read(now: number, list?: number): Traffic {
    const oldest = dayOf(now) - rememberedDays;
    const records = this.#statements.all
      .all(oldest)
      .map(({ full, bare, domain, last, days, list, refused }): TrafficRecord => ({
        ...{ full, bare, domain, last, days: parseDays(days) ?? [] },
        ...(refused === 0 ? {} : { refused: { list, count: refused } }),
      }));
    return { mark: this.#form.mark, written: now, list, records };
  }

  #accept(note: AcceptedNote, today: number): void {
    const { full, bare } = hashed(note, this.#form);
    const old = this.#statements.find.get(full);
    const days = new Map(parseDays(old?.days ?? "") ?? []);
    days.set(today, Math.min((days.get(today) ?? 0) + note.messages, 999_999_999));
    const kept = [...days]
      .filter(([day]) => day > today - countedDays && day <= today)
      .toSorted(([one], [other]) => other - one)
      .map(([day, messages]) => `${day}:${messages}`);
    this.#statements.put.run(full, bare, note.domain, today, kept.join(","));
  }

  /** Counts where it got mail in the last week: then a list that refuses it may be wrong. */
  #refuse({ users, domain, list }: RefusedNote, today: number): void {
    for (const user of users) {
      const { full } = hashed({ user, domain }, this.#form);
      const old = this.#statements.find.get(full);
      if (old !== undefined && old.last > today - weekDays) {
        this.#statements.refuse.run({ full, list });
        return;
      }
    }
  }

  #forget(today: number): void {
    this.#statements.expire.run(today - rememberedDays);
    const surplus = (this.#statements.count.get() ?? 0) - mostRecords;
    if (surplus > 0) {
      this.#statements.shrink.run(surplus);
    }
  }
}

function prepare(database: Database.Database) {
  return {
    meta: database.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck(),
    setMeta: database.prepare<[string, string]>("INSERT OR REPLACE INTO meta VALUES (?, ?)"),
    clear: database.prepare("DELETE FROM recipient"),
    find: database.prepare<[string], Row>("SELECT * FROM recipient WHERE full = ?"),
    put: database.prepare<[string, string, string, number, string]>(
      `INSERT INTO recipient (full, bare, domain, last, days) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (full) DO UPDATE SET last = excluded.last, days = excluded.days`,
    ),
    refuse: database.prepare<{ full: string; list: number }>(
      `UPDATE recipient SET refused = CASE WHEN list = $list THEN refused + 1 ELSE 1 END, list = $list
       WHERE full = $full AND list <= $list`,
    ),
    all: database.prepare<[number], Row>("SELECT * FROM recipient WHERE last > ? ORDER BY full"),
    expire: database.prepare<[number]>("DELETE FROM recipient WHERE last <= ?"),
    count: database.prepare<[], number>("SELECT count(*) FROM recipient").pluck(),
    shrink: database.prepare<[number]>(
      "DELETE FROM recipient WHERE full IN (SELECT full FROM recipient ORDER BY last LIMIT ?)",
    ),
  };
}
