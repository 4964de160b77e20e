/**
 * Counts that several processes share, and that continue in this process while their store is unavailable. Times in ms.
 */
import { MemoryStore } from "./memory.ts";
import type { State } from "./state.ts";
import { after } from "./store.ts";
import type { Later, TableOptions, Tally } from "./store.ts";
import type { Table } from "./table.ts";

/** Counts that survive an unavailable store. At once while in memory; never rejects. Outlives a reload. */
export class Counts {
  readonly #options: TableOptions;
  readonly #own: MemoryStore;
  /** Undefined: in this process alone. */
  #shared: Table<number> | undefined;

  /** @param now ms of a clock that never goes back */
  constructor(options: TableOptions, now: () => number) {
    this.#options = options;
    this.#own = new MemoryStore(now);
  }

  /** Counts kept in this process. */
  get size(): number {
    return this.#own.sizeOf(this.#options);
  }

  /** Counts in that state from now on. */
  use(state: State): void {
    const { name, ttl, most } = this.#options;
    this.#shared = state.kind === "memory" ? undefined : state.table<number>(name, { ttl, most });
  }

  /** Counts one. @param window how long a count is kept, from its first one on */
  add(key: string, window: number): Later<Tally> {
    const shared = this.#shared?.add(key, 1, window);
    if (shared instanceof Promise) {
      return shared.then((one) => (one.kind === "counted" ? one : this.#own.add(this.#options, key, 1, window)));
    }
    return shared?.kind === "counted" ? shared : this.#own.add(this.#options, key, 1, window);
  }

  /** The count; 0 if there is none. */
  get(key: string): Later<number> {
    const shared = this.#shared?.get(key);
    if (shared instanceof Promise) {
      return shared.then((one) =>
        one.kind === "unavailable" ? this.#ownCount(key) : one.kind === "found" ? one.row : 0,
      );
    }
    return shared?.kind === "found" ? shared.row : this.#ownCount(key);
  }

  /** Sets a count. @param left how long it is kept */
  set(key: string, count: number, left: number): Later<void> {
    const shared = this.#shared?.put(key, count, left);
    const own = (): void => this.#own.put(this.#options, key, String(count), left);
    if (shared instanceof Promise) {
      return shared.then((one) => (one.kind === "done" ? undefined : own()));
    }
    return shared?.kind === "done" ? undefined : own();
  }

  /** All counts, those that this process alone has included, each key once. */
  all(): Later<ReadonlyMap<string, Tally>> {
    const { most } = this.#options;
    const own = this.#own.scan(this.#options, "", most).map(([key, text, left]) => ({ key, row: Number(text), left }));
    return after(this.#shared?.list(most), (shared) => {
      const all = new Map<string, Tally>();
      for (const { key, row, left } of [...own, ...(shared?.kind === "rows" ? shared.rows : [])]) {
        if (row >= (all.get(key)?.count ?? 0)) {
          all.set(key, { count: row, left });
        }
      }
      return all;
    });
  }

  /** Forgets a count, for all who share it. Never rejects. */
  forget(key: string): Later<void> {
    this.#own.delete(this.#options, key);
    return after(this.#shared?.delete(key), () => undefined);
  }

  #ownCount(key: string): number {
    return Number(this.#own.get(this.#options, key) ?? 0);
  }
}
