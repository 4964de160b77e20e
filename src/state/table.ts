/** One table of the state, with rows of one type. No answer waits for a store longer than its deadline. Times in ms. */
import type { Later, Store, TableOptions, Tally } from "./store.ts";

/**
 * The store is unavailable, late or full: the caller continues without it. `why` is for the log, which has it already.
 */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly why: string;
}

export type Got<Row> = { readonly kind: "found"; readonly row: Row } | { readonly kind: "absent" } | Unavailable;
export type Done = { readonly kind: "done" } | Unavailable;
export type Counted = ({ readonly kind: "counted" } & Tally) | Unavailable;
export type Swapped = { readonly kind: "done" } | { readonly kind: "differs" } | Unavailable;
export type Rows<Row> =
  | { readonly kind: "rows"; readonly rows: readonly (readonly [key: string, row: Row])[] }
  | Unavailable;

export type Listed<Row> =
  | {
      readonly kind: "rows";
      readonly rows: readonly { readonly key: string; readonly row: Row; readonly left: number }[];
    }
  | Unavailable;

/** Calls the store; "unavailable" if it fails or is late. */
export type Within = <T, U>(call: (store: Store) => Later<T>, read: (value: T) => U) => Later<U | Unavailable>;

/** A longer key or row is a mistake of the caller's, and is not stored. */
const maxKey = 1024;
const maxText = 65_536;

const absent = { kind: "absent" } as const;
const done = { kind: "done" } as const;
const differs = { kind: "differs" } as const;
const tooLarge: Unavailable = { kind: "unavailable", why: "key or row is too large" };

/**
 * One table of the state. Rows are held as JSON: what comes out is a copy. Answers at once with the store in memory.
 */
export class Table<Row> {
  readonly #options: TableOptions;
  readonly #within: Within;

  constructor(options: TableOptions, within: Within) {
    this.#options = options;
    this.#within = within;
  }

  get(key: string): Later<Got<Row>> {
    return this.#within(
      (store) => store.get(this.#options, key),
      (text) => (text === undefined ? absent : { kind: "found", row: this.#parse(text) }),
    );
  }

  /** @param ttl less than the table's, for this row */
  put(key: string, row: Row, ttl: number = this.#options.ttl): Later<Done> {
    const text = JSON.stringify(row);
    return fits(key, text)
      ? this.#within(
          (store) => store.put(this.#options, key, text, this.#cap(ttl)),
          () => done,
        )
      : tooLarge;
  }

  /**
   * Adds to a count, in one step whoever else does. Only for tables of numbers.
   * @param ttl from the first one on; later ones do not prolong it
   */
  add(key: string, by = 1, ttl: number = this.#options.ttl): Later<Counted> {
    return fits(key, "")
      ? this.#within<Tally, Counted>(
          (store) => store.add(this.#options, key, by, this.#cap(ttl)),
          ({ count, left }) => ({ kind: "counted", count, left }),
        )
      : tooLarge;
  }

  /**
   * Replaces a row only if nobody else has changed it meanwhile.
   * @param expected as it was got; undefined: not there
   * @param row undefined: deletes it
   */
  compareAndSet(
    key: string,
    expected: Row | undefined,
    row: Row | undefined,
    ttl: number = this.#options.ttl,
  ): Later<Swapped> {
    const [before, text] = [format(expected), format(row)];
    return fits(key, text ?? "")
      ? this.#within<boolean, Swapped>(
          (store) => store.swap(this.#options, key, before, text, this.#cap(ttl)),
          (swapped) => (swapped ? done : differs),
        )
      : tooLarge;
  }

  delete(key: string): Later<Done> {
    return this.#within(
      (store) => store.delete(this.#options, key),
      () => done,
    );
  }

  /** Rows whose key begins so, in no order. @param limit rows at most */
  scan(prefix: string, limit = 1000): Later<Rows<Row>> {
    return this.#within(
      (store) => store.scan(this.#options, prefix, limit),
      (rows) => ({ kind: "rows", rows: rows.map(([key, text]) => [key, this.#parse(text)] as const) }),
    );
  }

  /** The same with the time that each row has left. */
  list(limit: number): Later<Listed<Row>> {
    return this.#within(
      (store) => store.scan(this.#options, "", limit),
      (rows) => ({ kind: "rows", rows: rows.map(([key, text, left]) => ({ key, row: this.#parse(text), left })) }),
    );
  }

  /** Rows of a table are of its type: only this class writes them, under the table's name. */
  #parse(text: string): Row {
    return JSON.parse(text) as Row;
  }

  #cap(ttl: number): number {
    return Math.max(1, Math.min(ttl, this.#options.ttl));
  }
}

function fits(key: string, text: string): boolean {
  return key.length <= maxKey && text.length <= maxText;
}

function format(row: unknown): string | undefined {
  return row === undefined ? undefined : JSON.stringify(row);
}
