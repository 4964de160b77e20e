/** State in a Redis or Valkey, which several relays share. */
import { hash } from "node:crypto";

import type { Scanned, Store, TableOptions, Tally } from "./store.ts";
import { errorMessage } from "../report/error-message.ts";
import { parseRedis } from "./redis-address.ts";
import type { RedisAddress } from "./redis-address.ts";
import { createRedisClient } from "./redis-client.ts";
import type { RedisAccess, RedisClient } from "./redis-client.ts";
import * as script from "./redis-scripts.ts";

/** Commands under way; further ones fail at once. */
const maxPending = 1000;
/** Keys that a scan looks at in one step, so that the server is not held up. */
const page = 500;

/** State in Redis or Valkey: one server, a master with sentinels, or a cluster. */
export class RedisStore implements Store {
  readonly kind = "redis";
  readonly losesTables: boolean;
  #client: RedisClient | undefined;
  #pending = 0;
  #isClosed = false;
  #why = "not connected yet";
  readonly #opened: Promise<void>;
  /** Done when it is known for the first time whether the server answers. */
  readonly #tried = Promise.withResolvers<void>();

  /** @param url as {@link parseRedis} reads it */
  constructor(url: string, access: RedisAccess = {}) {
    const address = parseRedis(url);
    this.losesTables = typeof address !== "string" && address.kind === "cluster";
    this.#opened = this.#open(address, access).catch((error: unknown) => this.#lost(error));
  }

  async get(table: TableOptions, key: string): Promise<string | undefined> {
    return (await this.#ask((client) => client.get(rowKey(table, key)))) ?? undefined;
  }

  async put(table: TableOptions, key: string, text: string, ttl: number): Promise<void> {
    await this.#run(script.put, table, key, [text, ttl]);
  }

  async add(table: TableOptions, key: string, by: number, ttl: number): Promise<Tally> {
    // The script returns two numbers.
    const [count, left] = (await this.#run(script.add, table, key, [by, ttl])) as [number, number];
    return { count, left };
  }

  async swap(
    table: TableOptions,
    key: string,
    expected: string | undefined,
    text: string | undefined,
    ttl: number,
  ): Promise<boolean> {
    const words = [expected === undefined ? 0 : 1, expected ?? "", text === undefined ? 0 : 1, text ?? "", ttl];
    return (await this.#run(script.swap, table, key, words)) === 1;
  }

  async delete(table: TableOptions, key: string): Promise<void> {
    await this.#run(script.remove, table, key, []);
  }

  async scan(table: TableOptions, prefix: string, limit: number): Promise<Scanned[]> {
    const found: Scanned[] = [];
    for (let from = 0; found.length < limit; from += page) {
      // The script returns how many keys it has looked at, then key, text and time of each row that was asked for.
      const [looked, ...rows] = (await this.#run(script.page, table, "", [from, from + page - 1, prefix])) as [
        number,
        ...Scanned[],
      ];
      found.push(...rows.slice(0, limit - found.length));
      if (looked < page) {
        break;
      }
    }
    return found;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tried.resolve();
    await this.#opened;
    this.#client?.disconnect();
  }

  async #open(address: RedisAddress | string, access: RedisAccess): Promise<void> {
    if (typeof address === "string") {
      throw new TypeError(`The URL of the store ${address}`);
    }
    if (this.#isClosed) {
      return;
    }
    const client = await createRedisClient(address, access);
    client.on("error", (error: Error) => this.#lost(error));
    // Of a cluster: what is wrong with one node is the reason when none answers.
    client.on("node error", (error: Error) => void (this.#why = errorMessage(error)));
    client.on("close", () => this.#lost(new Error(this.#why === "" ? "Connection closed" : this.#why)));
    client.on("ready", () => {
      this.#why = "";
      this.#tried.resolve();
    });
    this.#client = client;
  }

  /** The scripts keep the table's bound; `most` and its ttl are theirs too. */
  #run(code: string, table: TableOptions, key: string, words: readonly (string | number)[]): Promise<unknown> {
    const keys = [rowKey(table, key), orderKey(table)];
    const args = [...keys, key, rowKey(table, ""), table.most, table.ttl, ...words];
    return this.#ask(async (client) => {
      try {
        return await client.evalsha(digestOf(code), 2, ...args);
      } catch (error) {
        // A server that was started since does not know the script.
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) {
          throw error;
        }
        return client.eval(code, 2, ...args);
      }
    });
  }

  async #ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T> {
    await this.#tried.promise;
    const client = this.#client;
    if (client?.status !== "ready") {
      throw new Error(this.#why);
    }
    if (this.#pending >= maxPending) {
      throw new Error("too many commands at a time");
    }
    this.#pending++;
    try {
      return await question(client);
    } catch (error) {
      throw isOfClient(error) ? new Error(this.#why === "" ? "Connection closed" : this.#why) : error;
    } finally {
      this.#pending--;
    }
  }

  #lost(error: unknown): void {
    this.#tried.resolve();
    this.#why = errorMessage(lastNodeError(error) ?? error);
  }
}

/** In words of its own, the client says that the connection ended under a command, or that it has none to any node. */
function isOfClient(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === "MaxRetriesPerRequestError" || error.message.startsWith("Cluster isn't ready"))
  );
}

/** A cluster's client says that no node answered, and keeps apart why. */
function lastNodeError(error: unknown): unknown {
  return error instanceof Error && "lastNodeError" in error ? error.lastNodeError : undefined;
}

const digests = new Map<string, string>();

/** The name under which Redis keeps a script. */
function digestOf(code: string): string {
  const digest = digests.get(code) ?? hash("sha1", code);
  digests.set(code, digest);
  return digest;
}

/** All keys of a table share a slot of a cluster. */
function rowKey({ name }: TableOptions, key: string): string {
  return `goodmailto:{${name}}:row:${key}`;
}

/** The keys of a table by the time of their last write. */
function orderKey({ name }: TableOptions): string {
  return `goodmailto:{${name}}:order`;
}
