/** State in this process: lost with it, shared with nobody, and answered at once. */
import { BoundedMap } from "./bounded-map.ts";
import type { Scanned, Store, TableOptions, Tally } from "./store.ts";

interface Held {
  readonly text: string;
  /** By the injected clock. */
  readonly until: number;
}

/** State in memory. */
export class MemoryStore implements Store {
  readonly kind = "memory";
  readonly #now: () => number;
  readonly #tables = new Map<string, BoundedMap<string, Held>>();

  /** @param now ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get(table: TableOptions, key: string): string | undefined {
    return this.#find(table, key)?.text;
  }

  put(table: TableOptions, key: string, text: string, ttl: number): void {
    this.#rows(table).set(key, { text, until: this.#now() + ttl });
  }

  add(table: TableOptions, key: string, by: number, ttl: number): Tally {
    const now = this.#now();
    const old = this.#find(table, key);
    const count = Number(old?.text ?? 0) + by;
    const until = old?.until ?? now + ttl;
    this.#rows(table).set(key, { text: String(count), until });
    return { count, left: until - now };
  }

  swap(table: TableOptions, key: string, expected: string | undefined, text: string | undefined, ttl: number): boolean {
    if (this.#find(table, key)?.text !== expected) {
      return false;
    }
    if (text === undefined) {
      this.delete(table, key);
    } else {
      this.put(table, key, text, ttl);
    }
    return true;
  }

  delete(table: TableOptions, key: string): void {
    this.#rows(table).delete(key);
  }

  scan(table: TableOptions, prefix: string, limit: number): Scanned[] {
    const now = this.#now();
    const found: Scanned[] = [];
    for (const [key, { text, until }] of this.#rows(table)) {
      if (found.length >= limit) {
        break;
      }
      if (until > now && key.startsWith(prefix)) {
        found.push([key, text, until - now]);
      }
    }
    return found;
  }

  /** Rows of a table, with those whose time is over. */
  sizeOf(table: TableOptions): number {
    return this.#rows(table).size;
  }

  async close(): Promise<void> {
    this.#tables.clear();
  }

  #rows({ name, most }: TableOptions): BoundedMap<string, Held> {
    const rows = this.#tables.get(name) ?? new BoundedMap<string, Held>(most);
    this.#tables.set(name, rows);
    return rows;
  }

  #find(table: TableOptions, key: string): Held | undefined {
    const rows = this.#rows(table);
    const held = rows.get(key);
    if (held !== undefined && held.until <= this.#now()) {
      rows.delete(key);
      return undefined;
    }
    return held;
  }
}
