/** What was pushed, kept in SQLite. Each change is one transaction, and has a number by which the sync finds it. */
import { randomUUID } from "node:crypto";

import type Database from "better-sqlite3";

import { ScimFault } from "./fault.ts";
import type { Filter } from "./filter.ts";
import { valueOf } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { matches } from "./match.ts";
import type { MemberChange } from "./members.ts";
import { kinds, nameOf, writtenName } from "./resource.ts";
import type { Member, ResourceKind, Stored } from "./resource.ts";

/** How much is kept. */
export interface StoreLimits {
  readonly entries: number;
  /** Of one group. */
  readonly members: number;
}

/** A row of the table. */
export interface Row {
  readonly seq: number;
  readonly id: string;
  readonly json: string;
  readonly created: number;
  readonly modified: number;
}

/** What is to become of a resource. */
export interface Change {
  readonly json: JsonObject;
  readonly members: readonly MemberChange[];
}

const isTaken = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "SQLITE_CONSTRAINT_UNIQUE";

export class ScimStore {
  readonly #database: Database.Database;
  readonly #limits: () => StoreLimits;
  readonly #now: () => number;

  /** @param database of openStoreFile */
  constructor(database: Database.Database, limits: () => StoreLimits, now: () => number = Date.now) {
    this.#database = database;
    this.#limits = limits;
    this.#now = now;
  }

  close(): void {
    this.#database.close();
  }

  /** How many of each, and whether an administrator has said that they are all. */
  facts(): { readonly users: number; readonly groups: number; readonly complete: boolean } {
    return factsOf(this.#database);
  }

  /** @throws ScimFault 409 if a user has the name, 507 if there is no room */
  create(kind: ResourceKind, { json, members }: Change): Stored {
    const id = randomUUID();
    const now = this.#now();
    return this.#written(kind, json, (changed) => {
      const { users, groups } = this.facts();
      if (users + groups >= this.#limits().entries) {
        throw new ScimFault(507, `at most ${this.#limits().entries} users and groups, see max_entries`);
      }
      this.#run(
        "INSERT INTO resource (id, kind, name, external, json, created, modified, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ...[id, kind, nameOf(kind, json), externalOf(json), JSON.stringify(json), now, now, changed],
      );
      this.#changeMembers(id, members);
      return { kind, id, json, created: now, modified: now };
    });
  }

  get(kind: ResourceKind, id: string): Stored | undefined {
    const row = this.#prepare<[string, string], Row>("SELECT * FROM resource WHERE kind = ? AND id = ?").get(kind, id);
    return row === undefined ? undefined : storedOf(kind, row);
  }

  membersOf(id: string): Member[] {
    return this.#prepare<[string], Member>("SELECT value, display FROM member WHERE owner = ? ORDER BY value").all(id);
  }

  /** Undefined: there is none. @throws ScimFault, also of what `edit` throws: then nothing changes */
  change(kind: ResourceKind, id: string, edit: (json: JsonObject) => Change): Stored | undefined {
    const old = this.get(kind, id);
    if (old === undefined) {
      return undefined;
    }
    const { json, members } = edit(structuredClone(old.json));
    const modified = this.#now();
    return this.#written(kind, json, (changed) => {
      this.#run(
        "UPDATE resource SET name = ?, external = ?, json = ?, modified = ?, changed = ? WHERE id = ?",
        ...[nameOf(kind, json), externalOf(json), JSON.stringify(json), modified, changed, id],
      );
      this.#changeMembers(id, members);
      return { ...old, json, modified };
    });
  }

  /** Whether there was one. */
  remove(kind: ResourceKind, id: string): boolean {
    const remove = (): boolean => {
      const { changes } = this.#run("DELETE FROM resource WHERE kind = ? AND id = ?", kind, id);
      if (changes > 0) {
        this.#run("DELETE FROM member WHERE value = ?", id);
        this.#count();
      }
      return changes > 0;
    };
    return this.#database.transaction(remove).immediate();
  }

  /** A page of all. */
  page(kind: ResourceKind, skip: number, count: number): { readonly total: number; readonly found: Stored[] } {
    const { users, groups } = this.facts();
    const rows = this.#prepare<[string, number, number], Row>(
      "SELECT * FROM resource WHERE kind = ? ORDER BY seq LIMIT ? OFFSET ?",
    ).all(kind, count, skip);
    return { total: kind === "User" ? users : groups, found: rows.map((row) => storedOf(kind, row)) };
  }

  /** Those that an index finds: few. Undefined: the filter has to be tried on each. */
  indexed(kind: ResourceKind, filter: Filter): Stored[] | undefined {
    const found = keysOf(kind, filter);
    return found === undefined
      ? undefined
      : this.#prepare<[string, string], Row>(`SELECT * FROM resource WHERE kind = ? AND ${found.column} = ?`)
          .all(kind, found.value)
          .map((row) => storedOf(kind, row));
  }

  /** Some, in the order in which they came; none behind the last. @param after seq of the last one before */
  some(kind: ResourceKind, after: number, count: number): { readonly last: number; readonly found: Stored[] } {
    const rows = this.#prepare<[string, number, number], Row>(
      "SELECT * FROM resource WHERE kind = ? AND seq > ? ORDER BY seq LIMIT ?",
    ).all(kind, after, count);
    return { last: rows.at(-1)?.seq ?? after, found: rows.map((row) => storedOf(kind, row)) };
  }

  #written(kind: ResourceKind, json: JsonObject, write: (changed: number) => Stored): Stored {
    try {
      return this.#database.transaction(() => write(this.#count())).immediate();
    } catch (error) {
      throw isTaken(error)
        ? new ScimFault(409, `${kinds[kind].name} "${writtenName(kind, json)}" is taken`, "uniqueness")
        : error;
    }
  }

  /** The number of this change. */
  #count(): number {
    return Number(
      this.#prepare<[], number>("UPDATE meta SET value = value + 1 WHERE name = 'changes' RETURNING value")
        .pluck()
        .get(),
    );
  }

  #changeMembers(id: string, changes: readonly MemberChange[]): void {
    for (const change of changes) {
      if (change.kind === "remove where") {
        const gone = this.membersOf(id).filter(({ value, display }) => matches({ value, display }, change.filter));
        gone.forEach(({ value }) => this.#run("DELETE FROM member WHERE owner = ? AND value = ?", id, value));
        continue;
      }
      if (change.kind === "set") {
        this.#run("DELETE FROM member WHERE owner = ?", id);
      }
      for (const { value, display } of change.members) {
        if (change.kind === "remove") {
          this.#run("DELETE FROM member WHERE owner = ? AND value = ?", id, value);
        } else {
          this.#run("INSERT INTO member VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, value, display);
        }
      }
    }
    const { members: most } = this.#limits();
    const count = this.#prepare<[string], number>("SELECT count(*) FROM member WHERE owner = ?").pluck().get(id) ?? 0;
    if (changes.length > 0 && count > most) {
      throw new ScimFault(413, `a group may have ${most} members`);
    }
  }

  #prepare<Values extends unknown[], Result>(sql: string): Database.Statement<Values, Result> {
    return this.#database.prepare<Values, Result>(sql);
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): Database.RunResult {
    return this.#database.prepare(sql).run(...values);
  }
}

function storedOf(kind: ResourceKind, { id, json, created, modified }: Row): Stored {
  // Written by this class alone.
  return { kind, id, json: JSON.parse(json) as JsonObject, created, modified };
}

function externalOf(json: JsonObject): string | null {
  const external = valueOf(json, "externalId");
  return typeof external === "string" ? external : null;
}

/** How many of each are in a file, and whether they are declared to be all. */
export function factsOf(database: Database.Database): {
  readonly users: number;
  readonly groups: number;
  readonly complete: boolean;
} {
  const count = database.prepare<[string], number>("SELECT count(*) FROM resource WHERE kind = ?").pluck();
  const complete = database.prepare<[], number>("SELECT value FROM meta WHERE name = 'complete'").pluck().get();
  return { users: count.get("User") ?? 0, groups: count.get("Group") ?? 0, complete: complete === 1 };
}

/** The column by which a filter finds few resources. */
function keysOf(kind: ResourceKind, filter: Filter): { readonly column: string; readonly value: string } | undefined {
  if (filter.kind === "and") {
    return filter.all.map((one) => keysOf(kind, one)).find((one) => one !== undefined);
  }
  if (filter.kind !== "compare" || filter.operator !== "eq" || filter.path.length !== 1) {
    return undefined;
  }
  const { value } = filter;
  if (typeof value !== "string") {
    return undefined;
  }
  const [name = ""] = filter.path;
  switch (name.toLowerCase()) {
    case "id":
      return { column: "id", value };
    case "externalid":
      return { column: "external", value };
    case kinds[kind].name.toLowerCase():
      return { column: "name", value: value.trim().toLowerCase() };
    default:
      return undefined;
  }
}
