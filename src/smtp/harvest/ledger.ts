/**
 * What is known of clients that ask for unknown recipients: their counts, and who is blocked until when. Outlives a
 * reload.
 */
import { Counts } from "../../state/counts.ts";
import type { State } from "../../state/state.ts";
import { after } from "../../state/store.ts";
import type { Later, Tally } from "../../state/store.ts";
import type { Table } from "../../state/table.ts";

/**
 * Networks that are remembered, some 30 MB; a botnet cannot make the relay remember more: the longest silent are
 * forgotten.
 */
export const maxNetworks = 50_000;
/** The longest window and block that settings allow. */
const maxTime = 86_400_000;

/** The counts and blocks of harvesting clients. Networks are those of src/mail/client-network.ts, times in ms. */
export class HarvestLedger {
  readonly #now: () => number;
  readonly #counts: Counts;
  /** Network → the end of its block. Blocks are about equally long, so the first is mostly the first to end. */
  readonly #blocked = new Map<string, number>();
  /** Those of them that the shared state has, too: where it has one no longer, somebody has ended it. */
  readonly #saved = new Set<string>();
  #confirming = false;
  /**
   * Network → the end of its block, in ms since 1970: blocks of all workers and relays. Undefined: of this process
   * alone.
   */
  #shared: Table<number> | undefined;

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#counts = new Counts({ name: "harvest", ttl: maxTime, most: maxNetworks }, now);
  }

  /** Networks remembered in this process, as counted ones and as blocked ones. */
  get sizes(): { readonly counted: number; readonly blocked: number } {
    return { counted: this.#counts.size, blocked: this.#blocked.size };
  }

  /** Counts and blocks in that state from now on. */
  use(state: State): void {
    this.#counts.use(state);
    const bounds = { ttl: maxTime, most: maxNetworks };
    this.#shared = state.kind === "memory" ? undefined : state.table<number>("harvest blocks", bounds);
  }

  isBlocked(network: string): boolean {
    const end = this.#blocked.get(network);
    if (end === undefined) {
      return false;
    }
    if (end > this.#now()) {
      this.#confirm(network);
      return true;
    }
    this.#drop(network);
    return false;
  }

  /** Looks, one at a time, whether another relay or a command has ended a block whose client comes again. */
  #confirm(network: string): void {
    if (this.#shared === undefined || this.#confirming || !this.#saved.has(network)) {
      return;
    }
    this.#confirming = true;
    const confirmed = after(this.#shared.get(network), ({ kind }) => {
      this.#confirming = false;
      if (kind === "absent") {
        this.#drop(network);
      }
    });
    // Never rejects; nobody waits for it.
    void confirmed;
  }

  #drop(network: string): void {
    this.#blocked.delete(network);
    this.#saved.delete(network);
  }

  /** Whether anybody is blocked at all. */
  get hasBlocked(): boolean {
    return this.#blocked.size > 0;
  }

  /** Blocks it here, and for all who share the state. */
  block(network: string, time: number): Later<void> {
    this.blockHere(network, time);
    return after(this.#shared?.put(network, Date.now() + time, time), (put) => {
      if (put?.kind === "done" && this.#blocked.has(network)) {
        this.#saved.add(network);
      }
    });
  }

  /**
   * Asks whether somebody else has blocked a network that is not blocked here, and blocks it here then. Never rejects.
   * @returns ms that are left of such a block; 0: there is none
   */
  learn(network: string): Later<number> {
    if (this.#shared === undefined || this.isBlocked(network)) {
      return 0;
    }
    return after(this.#shared.get(network), (got) => {
      const left = got.kind === "found" ? Math.min(got.row - Date.now(), maxTime) : 0;
      if (left <= 0 || this.isBlocked(network)) {
        return 0;
      }
      this.blockHere(network, left);
      this.#saved.add(network);
      return left;
    });
  }

  /** Blocks it in this process alone. */
  blockHere(network: string, time: number): void {
    const now = this.#now();
    this.#drop(network);
    for (const [other, end] of this.#blocked) {
      if (end > now && this.#blocked.size < maxNetworks) {
        break;
      }
      this.#drop(other);
    }
    this.#blocked.set(network, now + time);
  }

  /** Who is blocked here, and for how many ms more. */
  blocks(): { readonly network: string; readonly left: number }[] {
    const now = this.#now();
    return [...this.#blocked].flatMap(([network, end]) => (end > now ? [{ network, left: end - now }] : []));
  }

  /** Who is blocked by anybody who shares the state, and for how many ms more. Never rejects. */
  async everywhere(): Promise<ReadonlyMap<string, number>> {
    const shared = await this.#shared?.list(maxNetworks);
    const all = new Map(this.blocks().map(({ network, left }) => [network, left]));
    for (const { key, left } of shared?.kind === "rows" ? shared.rows : []) {
      all.set(key, Math.max(left, all.get(key) ?? 0));
    }
    return all;
  }

  /** Ends a block and forgets its count, here and for all who share the state. @returns whether there was one */
  async unblock(network: string): Promise<boolean> {
    const wasHere = this.isBlocked(network);
    this.#drop(network);
    const shared = await this.#shared?.get(network);
    await this.#shared?.delete(network);
    await this.#counts.forget(network);
    return wasHere || shared?.kind === "found";
  }

  /** Counts one unknown recipient. */
  add(network: string, window: number): Later<Tally> {
    return this.#counts.add(network, window);
  }

  /** Lets a count end with the block that it has led to, for all who share it. */
  share(network: string, count: number, time: number): Later<void> {
    return this.#counts.set(network, count, time);
  }
}
