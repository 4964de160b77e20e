/**
 * Wrong passwords per client address: how many within a window, and how long the next answer waits. IPv6 counts by
 * /64, the least that one customer holds. Times in ms.
 */
import { clientNetwork } from "../mail/client-network.ts";

/** `[auth] max_failures`, `failure_window` and `failure_delay`. */
export interface GuardSettings {
  readonly max: number;
  readonly window: number;
  readonly delay: number;
}

/** Addresses that are remembered; a botnet cannot make us remember more, the oldest are forgotten. */
const maxClients = 50_000;
/** The longest wait: a client gives up after five minutes (RFC 5321 4.5.3.2.7), and the session holds a slot. */
const maxDelay = 30_000;

interface Failures {
  count: number;
  readonly since: number;
}

/** Counts failures. Outlives a reload: a new configuration forgives nobody. */
export class Guard {
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#failures.size;
  }

  /** Whether the client has used up its failures; the back end is not asked then. A right password forgives none. */
  isBlocked(ip: string, { max, window }: GuardSettings): boolean {
    return (this.#current(clientNetwork(ip), window)?.count ?? 0) >= max;
  }

  /** Counts a wrong password. @returns how long its answer waits */
  fail(ip: string, { window, delay }: GuardSettings): number {
    const key = clientNetwork(ip);
    const failures = this.#current(key, window) ?? this.#remember(key);
    failures.count++;
    return Math.min(maxDelay, delay * 2 ** Math.min(failures.count - 1, 30));
  }

  #current(key: string, window: number): Failures | undefined {
    const failures = this.#failures.get(key);
    if (failures !== undefined && this.#now() - failures.since >= window) {
      this.#failures.delete(key);
      return undefined;
    }
    return failures;
  }

  #remember(key: string): Failures {
    // A map keeps its order: the first key is the one whose window began first.
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= maxClients && oldest !== undefined) {
      this.#failures.delete(oldest);
    }
    const failures: Failures = { count: 0, since: this.#now() };
    this.#failures.set(key, failures);
    return failures;
  }
}
