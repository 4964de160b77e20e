/**
 * The store as the sync reads it: in one transaction, all or what changed. Only a store that an administrator has
 * declared complete is a list: a fresh one must not look as if everybody had left.
 */
import { openExisting, storePath } from "./store-file.ts";
import { factsOf } from "./store.ts";
import type { ResourceKind } from "./resource.ts";

/** A resource, its members aside. */
export interface PushedRow {
  readonly kind: ResourceKind;
  readonly id: string;
  readonly json: string;
}

/** Up to where changes are known: `scim STORE NUMBER`. */
export type Mark = string;

/** What is in a store. */
export interface Pushed {
  readonly complete: boolean;
  readonly users: number;
  readonly mark: Mark;
}

/**
 * Reads it. @param since only what changed since that mark; undefined: everything
 * @param take is called with some rows at a time @throws Error if it cannot be read
 */
export function readPushed(
  folder: string,
  since: Mark | undefined,
  take: (rows: readonly PushedRow[], pushed: Pushed) => void,
): Pushed {
  const database = openExisting(folder, true);
  try {
    const read = (): Pushed => {
      const meta = database.prepare<[string], string | number>("SELECT value FROM meta WHERE name = ?").pluck();
      const store = String(meta.get("store"));
      const pushed = { ...factsOf(database), mark: `scim ${store} ${meta.get("changes")}` };
      const [, old, changed = "0"] = since?.split(" ") ?? ["", store];
      if (old !== store) {
        throw new Error(`${storePath(folder)} is another store than the one that the list was made of`);
      }
      const some = database.prepare<[number, number, number], PushedRow & { readonly seq: number }>(
        "SELECT seq, kind, id, json FROM resource WHERE changed > ? AND seq > ? ORDER BY seq LIMIT ?",
      );
      for (let after = 0, isLast = !pushed.complete; !isLast;) {
        const rows = some.all(Number(changed), after, atOnce);
        take(rows, pushed);
        after = rows.at(-1)?.seq ?? after;
        isLast = rows.length < atOnce;
      }
      return pushed;
    };
    return database.transaction(read)();
  } finally {
    database.close();
  }
}

const atOnce = 1000;

/**
 * Which of these resources are still as they were at a mark. One that is not was changed or deleted by a request.
 * @returns undefined: the mark is of another store, which knows nothing of them @throws Error if it cannot be read
 */
export function unchangedSince(folder: string, mark: Mark, ids: readonly string[]): ReadonlySet<string> | undefined {
  const database = openExisting(folder, true);
  try {
    const store = database.prepare<[], string | number>("SELECT value FROM meta WHERE name = 'store'").pluck().get();
    const [word, old, changed = ""] = mark.split(" ");
    if (word !== "scim" || old !== String(store) || !/^\d+$/.test(changed)) {
      return undefined;
    }
    const find = database.prepare<[string, number]>("SELECT 1 FROM resource WHERE id = ? AND changed <= ?");
    return new Set(ids.filter((id) => find.get(id, Number(changed)) !== undefined));
  } finally {
    database.close();
  }
}

/** Declares a store to be complete. @returns how many there are; undefined: no user, so that it cannot be. @throws Error */
export function declareComplete(folder: string): { readonly users: number; readonly groups: number } | undefined {
  const database = openExisting(folder, false);
  try {
    const facts = factsOf(database);
    if (facts.users === 0) {
      return undefined;
    }
    database.prepare("UPDATE meta SET value = 1 WHERE name = 'complete'").run();
    return facts;
  } finally {
    database.close();
  }
}
