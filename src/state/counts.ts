/** Where unknown recipients of client networks are counted over time: in this process, bounded. Times in ms. */
import { RateLimiterMemory } from "rate-limiter-flexible";

/** What a network has come to. */
export interface Tally {
  readonly count: number;
  /** Until it is forgotten. */
  readonly left: number;
}

/** Counts; never rejects, and answers within a fraction of a second. */
export interface HarvestStore {
  /** Counts one. @param window how long a network is remembered from its first one on */
  add(network: string, window: number): Promise<Tally>;
  /** Sets a count, to be forgotten after so long. */
  set(network: string, count: number, left: number): Promise<void>;
  close(): void;
}

/** Networks that are remembered, some 30 MB; a botnet cannot make us remember more: the longest silent are forgotten. */
export const maxNetworks = 50_000;

/** See the file's first line. */
export class MemoryStore implements HarvestStore {
  readonly #limiter = new RateLimiterMemory({ keyPrefix: "", points: 1, duration: 1 });
  /** The limiter itself remembers without bound. A map keeps its order: the first was counted longest ago. */
  readonly #networks = new Set<string>();

  /** Networks remembered. */
  get size(): number {
    return this.#networks.size;
  }

  async add(network: string, window: number): Promise<Tally> {
    this.#remember(network);
    const { consumedPoints, msBeforeNext } = await this.#limiter.penalty(network, 1, { customDuration: window / 1000 });
    return { count: consumedPoints, left: msBeforeNext };
  }

  async set(network: string, count: number, left: number): Promise<void> {
    this.#remember(network);
    await this.#limiter.set(network, count, left / 1000);
  }

  close(): void {
    for (const network of this.#networks) {
      this.#forget(network);
    }
  }

  #remember(network: string): void {
    this.#networks.delete(network);
    const [oldest] = this.#networks;
    if (this.#networks.size >= maxNetworks && oldest !== undefined) {
      this.#forget(oldest);
    }
    this.#networks.add(network);
  }

  #forget(network: string): void {
    this.#networks.delete(network);
    // Done when it returns; the promise is the library's form.
    void this.#limiter.delete(network);
  }
}
