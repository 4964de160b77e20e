/** State in a SQLite file that all workers of a machine share; in a thread of its own. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import type { Log } from "../report/log.ts";
import { within } from "../wait/within.ts";
import type { Request } from "./sqlite-rows.ts";
import type { FromThread, ToThread } from "./sqlite-thread.ts";
import type { Scanned, Store, TableOptions, Tally } from "./store.ts";

/** Operations that wait for the thread; further ones fail at once. */
const mostWaiting = 10_000;
/** Operations that the thread is given at a time, in one transaction. */
const mostTogether = 500;
/** ms that the thread may take to end. */
const closeTimeout = 1000;

interface Waiting {
  readonly request: Request;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** State in a SQLite file. The thread begins with the first operation. */
export class SqliteStore implements Store {
  readonly kind = "sqlite";
  readonly #path: string;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  #underway: readonly Waiting[] = [];
  #thread: Worker | undefined;
  #isClosed = false;

  /** @param now ms since 1970: processes share the file's times */
  constructor(path: string, log: Log, now: () => number = Date.now) {
    this.#path = path;
    this.#log = log;
    this.#now = now;
  }

  get(table: TableOptions, key: string): Promise<string | undefined> {
    return this.#ask({ kind: "get", table, key });
  }

  put(table: TableOptions, key: string, text: string, ttl: number): Promise<void> {
    return this.#ask({ kind: "put", table, key, text, ttl });
  }

  add(table: TableOptions, key: string, by: number, ttl: number): Promise<Tally> {
    return this.#ask({ kind: "add", table, key, by, ttl });
  }

  swap(
    table: TableOptions,
    key: string,
    expected: string | undefined,
    text: string | undefined,
    ttl: number,
  ): Promise<boolean> {
    return this.#ask({ kind: "swap", table, key, expected, text, ttl });
  }

  delete(table: TableOptions, key: string): Promise<void> {
    return this.#ask({ kind: "delete", table, key });
  }

  scan(table: TableOptions, prefix: string, limit: number): Promise<readonly Scanned[]> {
    return this.#ask({ kind: "scan", table, prefix, limit });
  }

  /** What waits is still written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const thread = this.#thread;
    if (thread === undefined) {
      return;
    }
    thread.ref();
    const ended = once(thread, "exit");
    this.#send();
    thread.postMessage("close" satisfies ToThread, []);
    await within(ended, closeTimeout, "not closed in time").catch(() => undefined);
    await thread.terminate();
  }

  /** What the thread answers to a request is of the type that the request's caller names. */
  #ask<T>(request: Request): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new Error("state is closed"));
    }
    if (this.#waiting.length >= mostWaiting) {
      return Promise.reject(new Error("too many operations wait for the state file"));
    }
    return new Promise<T>((resolve, reject) => {
      // Of that type, as said above.
      this.#waiting.push({ request, resolve: resolve as (answer: unknown) => void, reject });
      this.#send();
    });
  }

  /** What comes while the thread works goes to it together. */
  #send(): void {
    if (this.#underway.length > 0 || this.#waiting.length === 0) {
      return;
    }
    this.#underway = this.#waiting.splice(0, mostTogether);
    const requests = this.#underway.map(({ request }) => request);
    this.#thread ??= this.#start();
    this.#thread.postMessage({ requests, now: this.#now() } satisfies ToThread, []);
  }

  #start(): Worker {
    const thread = new Worker(new URL("./sqlite-thread.ts", import.meta.url), { workerData: { path: this.#path } });
    thread.unref();
    thread.on("message", (message: FromThread) => this.#hear(message));
    thread.on("error", (error) => this.#fail(error));
    thread.on("exit", () => {
      this.#thread = undefined;
      this.#fail(new Error("thread of the state file ended"));
    });
    return thread;
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case "answers": {
        const answered = this.#underway;
        this.#underway = [];
        answered.forEach(({ resolve }, i) => resolve(message.answers[i]));
        this.#send();
        return;
      }
      case "failed":
        this.#fail(new Error(message.why));
        this.#send();
        return;
      case "moved":
        this.#log.error("state", "damaged file moved aside, starting with an empty one", {
          file: this.#path,
          to: message.to,
          why: message.why,
        });
    }
  }

  #fail(error: Error): void {
    const failed = this.#underway;
    this.#underway = [];
    failed.forEach(({ reject }) => reject(error));
  }
}
