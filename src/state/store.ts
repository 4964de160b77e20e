/** What a back end of the state must do: rows of text under keys, in tables, each row with an end. Times in ms. */

/** One table. */
export interface TableOptions {
  readonly name: string;
  /** How long a row lives from its last write on, and a count from its first. */
  readonly ttl: number;
  /** Rows; beyond it the one written longest ago is forgotten. */
  readonly most: number;
}

/** A count, and how long until it is forgotten. */
export interface Tally {
  readonly count: number;
  readonly left: number;
}

/** A row of a scan, and how long it will live. */
export type Scanned = readonly [key: string, text: string, left: number];

/** Answers at once or later; a rejection means that the store cannot be used at present. */
export type Later<T> = T | Promise<T>;

/** A back end of the state. A `ttl` is never longer than the table's. */
export interface Store {
  /** For the log: "memory", "sqlite", "redis". */
  readonly kind: string;
  /** Whether one table may fail while others answer, as they are on different nodes of a cluster. */
  readonly losesTables?: boolean;
  get(table: TableOptions, key: string): Later<string | undefined>;
  put(table: TableOptions, key: string, text: string, ttl: number): Later<void>;
  /** Adds to a count, in one step whoever else does. */
  add(table: TableOptions, key: string, by: number, ttl: number): Later<Tally>;
  /** Replaces a row only if it is as expected (undefined: not there). Undefined as its text deletes it. */
  swap(
    table: TableOptions,
    key: string,
    expected: string | undefined,
    text: string | undefined,
    ttl: number,
  ): Later<boolean>;
  delete(table: TableOptions, key: string): Later<void>;
  /** Rows whose key begins so, in no order. */
  scan(table: TableOptions, prefix: string, limit: number): Later<readonly Scanned[]>;
  close(): Promise<void>;
}

/** Continues with a value, at once if it is there. */
export function after<In, Out>(value: Later<In>, go: (value: In) => Later<Out>): Later<Out> {
  return value instanceof Promise ? value.then(go) : go(value);
}
