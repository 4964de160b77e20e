/** Counts of unknown recipients in Redis or Valkey, which several relays share; in this process while it is away. */
import type { Redis } from "ioredis";
import { RateLimiterRedis } from "rate-limiter-flexible";
import type { RateLimiterRes } from "rate-limiter-flexible";

import type { Log } from "../report/log.ts";
import type { HarvestStore, Tally } from "./counts.ts";

/** ms that a command may take; nobody waits for it, but what is counted late is counted for nothing. */
const commandTimeout = 200;
/** ms without a byte while commands are open, after which the connection is made anew. */
const socketTimeout = 1000;
/** Commands under way; what comes beyond them is counted here. */
const maxPending = 1000;

/** See the file's first line. Loads its client when it is made: a relay without Redis does not hold the code. */
export class RedisStore implements HarvestStore {
  readonly #fallback: HarvestStore;
  readonly #log: Log;
  /** How it was last said to be. */
  #state: "new" | "there" | "away" = "new";
  #client: Redis | undefined;
  #limiter: RateLimiterRedis | undefined;
  #pending = 0;
  #closed = false;

  /** @param fallback counts while Redis is away; not closed with this */
  constructor(url: string, fallback: HarvestStore, log: Log) {
    this.#fallback = fallback;
    this.#log = log;
    this.#open(url).catch((error: unknown) => this.#lost(error));
  }

  async #open(url: string): Promise<void> {
    const { Redis } = await import("ioredis");
    if (this.#closed) {
      return;
    }
    const client = new Redis(url, {
      connectionName: "goodmailto",
      connectTimeout: 2000,
      commandTimeout,
      socketTimeout,
      // Nothing is kept for later: an old count is of no use, and the queue would grow while Redis is away.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * 200, 5000),
    });
    client
      .on("ready", () => this.#found())
      .on("error", (error: Error) => this.#lost(error))
      .on("close", () => this.#lost(new Error("Connection closed")));
    this.#client = client;
    this.#limiter = new RateLimiterRedis({
      storeClient: client,
      keyPrefix: "goodmailto:harvest",
      points: 1,
      duration: 1,
      rejectIfRedisNotReady: true,
    });
  }

  async add(network: string, window: number): Promise<Tally> {
    const customDuration = seconds(window);
    const found = await this.#ask((limiter) => limiter.penalty(network, 1, { customDuration }));
    return found === undefined
      ? this.#fallback.add(network, window)
      : { count: found.consumedPoints, left: found.msBeforeNext };
  }

  async set(network: string, count: number, left: number): Promise<void> {
    const found = await this.#ask((limiter) => limiter.set(network, count, seconds(left)));
    if (found === undefined) {
      await this.#fallback.set(network, count, left);
    }
  }

  close(): void {
    this.#closed = true;
    this.#limiter = undefined;
    this.#client?.disconnect();
  }

  /** Undefined where Redis is away, late or too busy. */
  async #ask(question: (limiter: RateLimiterRedis) => Promise<RateLimiterRes>): Promise<RateLimiterRes | undefined> {
    const limiter = this.#limiter;
    if (limiter === undefined || this.#client?.status !== "ready" || this.#pending >= maxPending) {
      return undefined;
    }
    this.#pending++;
    try {
      const found = await question(limiter);
      this.#found();
      return found;
    } catch (error) {
      this.#lost(error);
      return undefined;
    } finally {
      this.#pending--;
    }
  }

  #found(): void {
    if (this.#state !== "there" && !this.#closed) {
      this.#state = "there";
      this.#log.info("harvest", "store is there");
    }
  }

  #lost(error: unknown): void {
    if (this.#state !== "away" && !this.#closed) {
      this.#state = "away";
      const why = error instanceof Error ? error.message : String(error);
      this.#log.warning("harvest", "store is away, counting in this process", { why });
    }
  }
}

/** Redis keeps whole seconds, and 0 would be for ever. */
function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
