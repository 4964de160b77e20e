/**
 * Starts the thread of the status page and looks after it. The page has a thread of its own, so that no session of mail
 * waits for it: what it looks up takes its time there, and one that hangs or dies is replaced.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import type { Totals } from "../ops/metrics.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { within } from "../wait/within.ts";
import type { FromThread, ToThread, WebOptions } from "./messages.ts";

/** ms that the thread may take to listen, to answer, and to end. */
const startTime = 30_000;
const closeTime = 2000;
/** One that owes so many answers hangs. */
const mostOwed = 3;
const mostWait = 60_000;
/** ms; for tests. */
export interface HostTimes {
  /** Between two questions whether the thread lives. */
  readonly aliveEvery: number;
  /** Before a thread that ended is started again: twice as long each time, up to a minute. */
  readonly wait: number;
}
const usualTimes: HostTimes = { aliveEvery: 10_000, wait: 1000 };
/** What a stranger can make it hold: it then ends, and mail does not. */
const memory = { maxOldGenerationSizeMb: 512 };

/** What the page asks of the relay: the counters of all processes. */
export type AskTotals = () => Promise<Totals>;

/** An error of the thread's start, with its code. */
class StartFault extends Error {
  readonly code: string;
  readonly syscall = "listen";

  constructor(why: string, code: string) {
    super(why);
    this.code = code;
  }
}

export class WebHost {
  readonly #options: WebOptions;
  readonly #log: Log;
  readonly #ask: AskTotals;
  readonly #pulse: NodeJS.Timeout;
  #thread: Worker | undefined;
  /** Questions without an answer; undefined: it does not listen yet, for which it has a time limit of its own. */
  #owed: number | undefined;
  readonly #firstWait: number;
  #wait: number;
  #isClosed = false;
  /** Where it listens. */
  address = "";

  constructor(options: WebOptions, ask: AskTotals, log: Log, { aliveEvery, wait }: HostTimes = usualTimes) {
    this.#firstWait = wait;
    this.#wait = wait;
    this.#options = options;
    this.#ask = ask;
    this.#log = log;
    this.#pulse = setInterval(() => this.#look(), aliveEvery).unref();
  }

  /** @throws Error with the code EADDRINUSE and the like */
  async start(): Promise<void> {
    const thread = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData: this.#options,
      resourceLimits: memory,
    });
    this.#thread = thread;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    thread.unref();
    thread.on("message", (message: FromThread) => {
      if (message.kind === "ready") {
        this.address = message.address;
        resolve();
      } else if (message.kind === "failed") {
        reject(new StartFault(`the status page: ${message.why}`, message.code));
      } else {
        this.#hear(thread, message);
      }
    });
    thread.on("error", (error) => {
      reject(error);
      this.#log.error("web", "its thread failed", { why: error.message });
    });
    thread.once("exit", () => {
      reject(new Error("the thread of the status page ended"));
      this.#ended(thread);
    });
    this.#owed = undefined;
    try {
      await within(promise, startTime, "the status page does not start");
    } catch (error) {
      // It would wait for messages, and nobody would start another. Rejects never; its exit is heard.
      void thread.terminate();
      throw error;
    }
    this.#owed = 0;
    this.#log.info("web", "ready", { listen: this.address });
  }

  reload(): void {
    this.#say({ kind: "reload" });
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#pulse);
    const thread = this.#thread;
    if (thread !== undefined) {
      const ended = once(thread, "exit");
      this.#say({ kind: "close" });
      await within(ended, closeTime, "").catch(() => undefined);
      await thread.terminate();
    }
  }

  #say(message: ToThread): void {
    this.#thread?.postMessage(message, []);
  }

  #hear(thread: Worker, message: Exclude<FromThread, { kind: "ready" | "failed" }>): void {
    switch (message.kind) {
      case "alive":
        this.#owed = 0;
        this.#wait = this.#firstWait;
        break;
      case "log":
        this.#log[message.level](message.part, message.event, message.fields);
        break;
      case "ask": {
        const answer = (totals: Totals | undefined): void =>
          thread.postMessage({ kind: "answer", id: message.id, totals } satisfies ToThread, []);
        // A worker that does not answer leaves the page without figures.
        this.#ask().then(answer, () => answer(undefined));
        break;
      }
    }
  }

  #look(): void {
    if (this.#owed === undefined) {
      return;
    }
    if (this.#thread !== undefined && ++this.#owed > mostOwed) {
      this.#log.error("web", "its thread does not answer, ending it");
      // Rejects never; its exit is heard.
      void this.#thread.terminate();
      return;
    }
    this.#say({ kind: "alive" });
  }

  #ended(thread: Worker): void {
    if (this.#thread !== thread || this.#isClosed || this.address === "") {
      return;
    }
    this.#thread = undefined;
    this.#log.error("web", "its thread ended, starting it again", { delay_ms: this.#wait });
    setTimeout(() => this.#restart(), this.#wait).unref();
    this.#wait = Math.min(mostWait, this.#wait * 2);
  }

  #restart(): void {
    if (!this.#isClosed) {
      this.start().catch((error: unknown) => this.#log.error("web", "cannot start", { why: errorMessage(error) }));
    }
  }
}

/** Starts the page, if there is to be one. @throws Error if it cannot listen */
export async function startWeb(config: string, ask: AskTotals, log: Log): Promise<WebHost> {
  const host = new WebHost({ config, sampleEvery: 10_000, refresh: 15, answerTime: 60_000 }, ask, log);
  try {
    await host.start();
    return host;
  } catch (error) {
    await host.close();
    throw error;
  }
}
