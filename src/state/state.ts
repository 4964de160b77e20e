/**
 * What checks and limits remember between sessions, by name: in memory, in a file that all workers of a machine share,
 * or in a Redis or Valkey that a fleet shares. A store that is unavailable holds up nobody. Times in ms.
 */
import type { Log } from "../report/log.ts";
import { Health } from "./health.ts";
import type { Later, Store } from "./store.ts";
import { within } from "../wait/within.ts";
import { Table } from "./table.ts";
import type { Unavailable } from "./table.ts";

/** Longest wait for a store. */
const deadline = 250;
/** Longest wait for a store that is just opened: a thread starts, a file is checked. */
const openDeadline = 5000;

/** The state of the relay. */
export class State {
  readonly #store: Store;
  readonly #log: Log;
  readonly #deadline: number;
  /** By the name of a table where tables fail one by one, else one for all. */
  readonly #healths = new Map<string, Health>();

  constructor(store: Store, log: Log, longest: number = deadline) {
    this.#store = store;
    this.#log = log;
    this.#deadline = longest;
  }

  /** "memory", "sqlite" or "redis". */
  get kind(): string {
    return this.#store.kind;
  }

  /** Whether all of it that was asked last answered. */
  get isAvailable(): boolean {
    return this.#healths.values().every(({ isAway }) => !isAway);
  }

  /**
   * A table; the same name is the same table, for all who share the store.
   * @param bounds `ttl`: the longest life of a row; `most`: rows, beyond which the one written longest ago is forgotten
   */
  table<Row>(name: string, bounds: { readonly ttl: number; readonly most: number }): Table<Row> {
    return new Table<Row>({ name, ...bounds }, (call, read) => this.within(name, call, read));
  }

  /** Done when the store has been opened, or will not be soon. Never rejects. */
  async ready(): Promise<void> {
    try {
      const asked = Promise.resolve(this.#store.get({ name: "ready", ttl: 1, most: 1 }, ""));
      await within(asked, openDeadline, "not opened in time");
    } catch {
      // Reported with the first answer that is needed.
    }
  }

  /** Lets the store go, with what is under way written. */
  close(): Promise<void> {
    return this.#store.close();
  }

  /** Calls the store; "unavailable" if it fails or is late. @param table for whose sake */
  within<T, U>(table: string, call: (store: Store) => Later<T>, read: (value: T) => U): Later<U | Unavailable> {
    const health = this.#healthOf(table);
    if (health.resting !== undefined) {
      return health.resting;
    }
    try {
      const value = call(this.#store);
      return value instanceof Promise ? this.#wait(health, value, read) : read(value);
    } catch (error) {
      return health.lost(error);
    }
  }

  async #wait<T, U>(health: Health, value: Promise<T>, read: (value: T) => U): Promise<U | Unavailable> {
    try {
      const found = await within(value, this.#deadline, `no answer in ${this.#deadline} ms`);
      health.found();
      return read(found);
    } catch (error) {
      return health.lost(error);
    }
  }

  #healthOf(table: string): Health {
    const name = this.#store.losesTables === true ? table : "";
    const known = this.#healths.get(name);
    if (known !== undefined) {
      return known;
    }
    const fields = name === "" ? { store: this.kind } : { store: this.kind, table };
    const health = new Health(this.#log, fields);
    this.#healths.set(name, health);
    return health;
  }
}
