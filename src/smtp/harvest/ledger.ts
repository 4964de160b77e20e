/** What is known of clients that ask for unknown recipients: their counts, and who is blocked until when. Outlives a reload. */
import type { Log } from "../../report/log.ts";
import { RedisStore } from "../../state/redis.ts";
import { MemoryStore, maxNetworks } from "../../state/counts.ts";
import type { HarvestStore, Tally } from "../../state/counts.ts";

/** See the file's first line. Networks are those of src/mail/client-network.ts, times in ms. */
export class HarvestLedger {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #memory = new MemoryStore();
  #store: HarvestStore = this.#memory;
  #url = "";
  /** Network → the end of its block. Blocks are about equally long, so the first is mostly the first to end. */
  readonly #blocked = new Map<string, number>();

  /** @param now ms of a clock that never goes back */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** Networks remembered, as counted ones and as blocked ones. */
  get sizes(): { readonly counted: number; readonly blocked: number } {
    return { counted: this.#memory.size, blocked: this.#blocked.size };
  }

  /** Counts in Redis at a URL, or in this process for "". */
  useStore(url: string): void {
    if (url === this.#url) {
      return;
    }
    this.#url = url;
    if (this.#store !== this.#memory) {
      this.#store.close();
    }
    this.#store = url === "" ? this.#memory : new RedisStore(url, this.#memory, this.#log);
  }

  isBlocked(network: string): boolean {
    const end = this.#blocked.get(network);
    if (end === undefined) {
      return false;
    }
    if (end > this.#now()) {
      return true;
    }
    this.#blocked.delete(network);
    return false;
  }

  /** Whether anybody is blocked at all. */
  get hasBlocked(): boolean {
    return this.#blocked.size > 0;
  }

  block(network: string, time: number): void {
    const now = this.#now();
    this.#blocked.delete(network);
    for (const [other, end] of this.#blocked) {
      if (end > now && this.#blocked.size < maxNetworks) {
        break;
      }
      this.#blocked.delete(other);
    }
    this.#blocked.set(network, now + time);
  }

  /** Counts one unknown recipient. */
  add(network: string, window: number): Promise<Tally> {
    return this.#store.add(network, window);
  }

  /** Tells the other relays of a block: their next look at the count shows it. */
  async share(network: string, count: number, time: number): Promise<void> {
    await this.#store.set(network, count, time);
  }

  /** Lets Redis go. */
  close(): void {
    this.useStore("");
    this.#memory.close();
  }
}
