/**
 * What checks and limits remember between sessions, by name: in memory, in a file that all workers of a machine share,
 * or in a Redis or Valkey that a fleet shares. A store that is unavailable holds up nobody. Times in ms.
 */
import type { Log } from "../report/log.ts";
import type { Later, Store } from "./store.ts";
import { within } from "../wait/within.ts";
import { Table } from "./table.ts";
import type { Unavailable } from "./table.ts";
import { errorMessage } from "../report/error-message.ts";

/** Longest wait for a store. */
const deadline = 250;
/** Longest wait for a store that is just opened: a thread starts, a file is checked. */
const openDeadline = 5000;
/** A store that failed is not asked again for this time. */
const rest = 500;

/** The state of the relay. */
export class State {
  readonly #store: Store;
  readonly #log: Log;
  readonly #deadline: number;
  #isAway = false;
  /** By performance.now(). */
  #restsUntil = 0;
  #why = "";

  constructor(store: Store, log: Log, longest: number = deadline) {
    this.#store = store;
    this.#log = log;
    this.#deadline = longest;
  }

  /** "memory", "sqlite" or "redis". */
  get kind(): string {
    return this.#store.kind;
  }

  /**
   * A table; the same name is the same table, for all who share the store.
   * @param bounds `ttl`: the longest life of a row; `most`: rows, beyond which the one written longest ago is forgotten
   */
  table<Row>(name: string, bounds: { readonly ttl: number; readonly most: number }): Table<Row> {
    return new Table<Row>({ name, ...bounds }, (call, read) => this.within(call, read));
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

  /** Calls the store; "unavailable" if it fails or is late. */
  within<T, U>(call: (store: Store) => Later<T>, read: (value: T) => U): Later<U | Unavailable> {
    if (this.#isAway && performance.now() < this.#restsUntil) {
      return { kind: "unavailable", why: this.#why };
    }
    try {
      const value = call(this.#store);
      return value instanceof Promise ? this.#wait(value, read) : read(value);
    } catch (error) {
      return this.#lost(error);
    }
  }

  async #wait<T, U>(value: Promise<T>, read: (value: T) => U): Promise<U | Unavailable> {
    try {
      const found = await within(value, this.#deadline, `no answer in ${this.#deadline} ms`);
      this.#found();
      return read(found);
    } catch (error) {
      return this.#lost(error);
    }
  }

  #found(): void {
    if (this.#isAway) {
      this.#isAway = false;
      this.#log.info("state", "store answers again", { store: this.kind });
    }
  }

  #lost(error: unknown): Unavailable {
    const why = errorMessage(error);
    if (!this.#isAway) {
      this.#log.warning("state", "store is unavailable, continuing without it", { store: this.kind, why });
    }
    this.#isAway = true;
    this.#restsUntil = performance.now() + rest;
    this.#why = why;
    return { kind: "unavailable", why };
  }
}
