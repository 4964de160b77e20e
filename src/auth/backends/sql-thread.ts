/** One worker thread for hashes and SQLite, begun when it is first needed. What outlasts its time ends the thread. */
import { Worker } from "node:worker_threads";

/** What is done there. */
export type Task =
  | { readonly id: number; readonly kind: "crypt"; readonly password: string; readonly hash: string }
  | {
      readonly id: number;
      readonly kind: "sqlite";
      readonly file: string;
      readonly sql: string;
      readonly values: readonly string[];
    };

/** What comes back. */
export interface ThreadAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly fault?: string;
}

type Job = Task extends infer T ? (T extends Task ? Omit<T, "id"> : never) : never;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class SqlThread {
  #worker: Worker | undefined;
  #waiting = new Map<number, Waiting>();
  #last = 0;

  /** Rejects where the work fails or is not done in time. */
  async run(job: Job, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = ++this.#last;
    const worker = (this.#worker ??= this.#begin());
    const onLate = (): void => {
      reject(new Error("no answer in time"));
      this.#end(new Error("another login took too long"), worker);
    };
    this.#waiting.set(id, { resolve, reject });
    signal.addEventListener("abort", onLate, { once: true });
    worker.postMessage({ ...job, id });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onLate);
      this.#waiting.delete(id);
    }
  }

  /** Ends the thread when the last work is done; more work begins another one. */
  close(): void {
    const worker = this.#worker;
    const waiting = this.#waiting;
    this.#worker = undefined;
    this.#waiting = new Map();
    if (waiting.size === 0) {
      void worker?.terminate();
    } else {
      worker?.on("message", () => queueMicrotask(() => waiting.size === 0 && void worker.terminate()));
    }
  }

  #begin(): Worker {
    const worker = new Worker(new URL("./sql-worker.ts", import.meta.url), { execArgv: [] });
    const waiting = this.#waiting;
    worker.unref();
    worker.on("message", ({ id, value, fault }: ThreadAnswer) => {
      const one = waiting.get(id);
      waiting.delete(id);
      if (fault === undefined) {
        one?.resolve(value);
      } else {
        one?.reject(new Error(fault));
      }
    });
    worker.on("error", (error: Error) => this.#end(error, worker));
    return worker;
  }

  #end(error: Error, worker: Worker): void {
    if (worker !== this.#worker) {
      return;
    }
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting = new Map();
    waiting.forEach(({ reject }) => reject(error));
    void worker.terminate();
  }
}
