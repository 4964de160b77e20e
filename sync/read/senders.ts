/**
 * Accepted senders that rules name by DN, and the entries that may be meant, until all have been read: in a temporary
 * file, which is not made where no rule names anybody. Nobody reads it but the same process, so it needs neither journal nor
 * fsync.
 */
import { closeSync, openSync } from "node:fs";

import Database from "better-sqlite3";

import { isUnresolved, isUntold, resolveRule } from "../convert/restrictions.ts";
import type { Person } from "../source.ts";

/** What rules and entries say of senders. */
export interface Senders {
  /** Adds entries that rules of the same source may name. */
  addPeople(source: number, people: readonly Person[]): void;
  /** Notes a rule that is an open question. */
  note(source: number, rule: string): void;
  /** Forgets what a source gave so far. */
  drop(source: number): void;
  /** Answers them. @returns rules without an answer: their rows are open */
  resolve(): number;
  /** What a noted rule became; before {@link resolve}: the rule as it was. */
  ruleFor(source: number, rule: string): string;
  close(): void;
}

/** Pages of the file that are kept in memory, in KiB. */
const memory = 16_384;

/** Whether it is not known yet what a rule says. */
export function isOpenQuestion(rule: string): boolean {
  return isUnresolved(rule) || isUntold(rule);
}

/** Knows nothing yet. @param path of the file */
export function createSenders(path: string): Senders {
  let store: Store | undefined;
  const open = (): Store => (store ??= openStore(path));
  return {
    addPeople(source, people) {
      if (people.length > 0) {
        open().addPeople.run(source, JSON.stringify(people.map(({ dn, keys }) => [dn, keys])));
      }
    },
    note: (source, rule) => void open().note.run(source, rule, rule),
    drop: (source) => store?.remove.forEach((statement) => void statement.run(source)),
    resolve: () => (store === undefined ? 0 : resolveAll(store.database)),
    ruleFor: (source, rule) => open().find.get(source, rule) ?? rule,
    close() {
      store?.database.close();
      store = undefined;
    },
  };
}

interface Store {
  readonly database: Database.Database;
  readonly addPeople: Database.Statement<[number, string]>;
  readonly note: Database.Statement<[number, string, string]>;
  readonly find: Database.Statement<[number, string], string>;
  readonly remove: readonly Database.Statement<[number]>[];
}

function openStore(path: string): Store {
  // Exclusively: a link that somebody put there is not followed.
  closeSync(openSync(path, "wx", 0o600));
  const database = new Database(path);
  database.pragma("journal_mode = OFF");
  database.pragma("synchronous = OFF");
  database.pragma("locking_mode = EXCLUSIVE");
  database.pragma(`cache_size = -${memory}`);
  // One transaction for all of it: each writes the pages that it changed.
  database.exec(
    `CREATE TABLE person (source INTEGER NOT NULL, dn TEXT NOT NULL, keys TEXT NOT NULL);
     CREATE TABLE question (
       source INTEGER NOT NULL, rule TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (source, rule)
     ) WITHOUT ROWID;
     BEGIN`,
  );
  return {
    database,
    addPeople: database.prepare("INSERT INTO person SELECT ?, value ->> 0, value ->> 1 FROM json_each(?)"),
    note: database.prepare("INSERT OR IGNORE INTO question VALUES (?, ?, ?)"),
    find: database
      .prepare<[number, string], string>("SELECT answer FROM question WHERE source = ? AND rule = ?")
      .pluck(),
    remove: ["person", "question"].map((table) => database.prepare(`DELETE FROM ${table} WHERE source = ?`)),
  };
}

function resolveAll(database: Database.Database): number {
  const questions = database
    .prepare<[], { source: number; rule: string }>("SELECT source, rule FROM question ORDER BY source, rule")
    .all();
  if (questions.length === 0) {
    return 0;
  }
  database.exec("CREATE INDEX person_dn ON person (dn, source)");
  const find = database
    .prepare<[string, number], string>("SELECT keys FROM person WHERE dn = ? AND source = ?")
    .pluck();
  const answer = database.prepare("UPDATE question SET answer = ? WHERE source = ? AND rule = ?");
  const readKeys = (text: string): string[] => JSON.parse(text);
  let open = 0;
  for (const { source, rule } of questions) {
    const resolved = resolveRule(rule, (dn) => find.all(dn, source).flatMap(readKeys));
    open += resolved === "" ? 1 : 0;
    answer.run(resolved, source, rule);
  }
  return open;
}
