/**
 * Wrong passwords per client address: how many within a window, and how long the next answer waits. IPv6 counts by
 * /64, the least that one customer holds. Times in ms.
 */
import { clientNetwork } from "../mail/client-network.ts";
import { Counts } from "../state/counts.ts";
import type { State } from "../state/state.ts";
import type { Tally } from "../state/store.ts";

/** `[auth] max_failures`, `failure_window` and `failure_delay`. */
export interface GuardSettings {
  readonly max: number;
  readonly window: number;
  readonly delay: number;
}

/** Addresses that are remembered; a botnet cannot make the relay remember more, the oldest are forgotten. */
const maxClients = 50_000;
/** The longest wait: a client gives up after five minutes (RFC 5321 4.5.3.2.7), and the session holds a slot. */
const maxDelay = 30_000;
/** As the setting allows. */
const maxWindow = 2_592_000_000;

/** Counts failures, for all workers together. Outlives a reload: a new configuration forgives nobody. */
export class Guard {
  readonly #failures: Counts;

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#failures = new Counts({ name: "logins", ttl: maxWindow, most: maxClients }, now);
  }

  /** Addresses remembered in this process. */
  get size(): number {
    return this.#failures.size;
  }

  /** Counts in that state from now on. */
  use(state: State): void {
    this.#failures.use(state);
  }

  /** Whether the client has used up its failures; the back end is not asked then. A right password forgives none. */
  async isBlocked(ip: string, { max }: GuardSettings): Promise<boolean> {
    return (await this.#failures.get(clientNetwork(ip))) >= max;
  }

  /** The addresses that have used up their failures, and for how many ms more that counts. Never rejects. */
  async blocked({ max }: Pick<GuardSettings, "max">): Promise<ReadonlyMap<string, Tally>> {
    return new Map([...(await this.#failures.all())].filter(([, { count }]) => count >= max));
  }

  /** Forgets the failures of an address. @param network as {@link clientNetwork} has it */
  async forgive(network: string): Promise<void> {
    await this.#failures.forget(network);
  }

  /** Counts a wrong password. @returns how long its answer waits */
  async fail(ip: string, { window, delay }: GuardSettings): Promise<number> {
    const { count } = await this.#failures.add(clientNetwork(ip), window);
    return Math.min(maxDelay, delay * 2 ** Math.min(count - 1, 30));
  }
}
