/** The filter of a list in memory: made in pieces, between the turns of the sessions. Until it is there, any key may be. */
import type Database from "better-sqlite3";

import { KeyFilter } from "./filter.ts";

/** Keys that are added at a time: less than a millisecond. */
const piece = 1000;

/** Does nothing until it is asked to grow. */
export class LateFilter {
  readonly #database: Database.Database;
  #isGrowing = false;
  #grown: KeyFilter | undefined;

  /** @param database open; when it is closed, the filter stops growing */
  constructor(database: Database.Database) {
    this.#database = database;
  }

  /** False: the key is not in the list. */
  mayHave(key: string): boolean {
    return this.#grown === undefined || this.#grown.mayHave(key);
  }

  /** Begins to make it. Another call changes nothing. Where the list cannot be read, the filter never grows. */
  grow(): void {
    if (!this.#isGrowing) {
      this.#isGrowing = true;
      const steps = this.#steps();
      const step = (): void => {
        if (hasNext(steps)) {
          setImmediate(step);
        }
      };
      setImmediate(step);
    }
  }

  *#steps(): Generator<undefined> {
    const database = this.#database;
    if (!database.open) {
      return;
    }
    const rows = database.prepare<[], number>("SELECT count(*) FROM recipient").pluck().get() ?? 0;
    const next = database
      .prepare<[after: string, most: number], string>("SELECT key FROM recipient WHERE key > ? ORDER BY key LIMIT ?")
      .pluck();
    const filter = KeyFilter.ofSize(rows);
    for (let after: string | undefined = ""; after !== undefined && database.open; yield) {
      const keys: string[] = next.all(after, piece);
      keys.forEach((key) => filter.add(key));
      after = keys.at(-1);
      this.#grown = after === undefined ? filter : undefined;
    }
  }
}

/** What is wrong with a list, look-ups say: each of them asks it then. */
function hasNext(steps: Generator<undefined>): boolean {
  try {
    return steps.next().done !== true;
  } catch {
    return false;
  }
}
