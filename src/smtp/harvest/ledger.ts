/** What is known of clients that ask for unknown recipients: their counts, and who is blocked until when. Outlives a reload. */
import { Counts } from "../../state/counts.ts";
import type { State } from "../../state/state.ts";
import type { Later, Tally } from "../../state/store.ts";

/** Networks that are remembered, some 30 MB; a botnet cannot make us remember more: the longest silent are forgotten. */
export const maxNetworks = 50_000;
/** The longest window and block that settings allow. */
const maxTime = 86_400_000;

/** See the file's first line. Networks are those of src/mail/client-network.ts, times in ms. */
export class HarvestLedger {
  readonly #now: () => number;
  readonly #counts: Counts;
  /** Network → the end of its block. Blocks are about equally long, so the first is mostly the first to end. */
  readonly #blocked = new Map<string, number>();

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#counts = new Counts({ name: "harvest", ttl: maxTime, most: maxNetworks }, now);
  }

  /** Networks remembered in this process, as counted ones and as blocked ones. */
  get sizes(): { readonly counted: number; readonly blocked: number } {
    return { counted: this.#counts.size, blocked: this.#blocked.size };
  }

  /** Counts in that state from now on. */
  use(state: State): void {
    this.#counts.use(state);
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
  add(network: string, window: number): Later<Tally> {
    return this.#counts.add(network, window);
  }

  /** Tells the other workers and relays of a block: their next look at the count shows it. */
  share(network: string, count: number, time: number): Later<void> {
    return this.#counts.set(network, count, time);
  }
}
