/**
 * The journal of refusals and deliveries: events wait in a bounded queue, and a thread writes them in batches. Mail never
 * waits for it; what is lost is counted, and told once a minute.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import type { Counters } from "../report/counters.ts";
import type { MailEvent } from "../report/event.ts";
import type { Log } from "../report/log.ts";
import { within } from "../wait/within.ts";
import type { FromThread, JournalOptions, ToThread } from "./journal-thread.ts";

/** Events that wait for the thread. */
const mostWaiting = 20_000;
/** Events that the thread is given at a time. */
const mostTogether = 1000;
/** How long the first one of a batch waits for others, ms. */
const gather = 200;
/** ms that the thread may take to end. */
const closeTimeout = 2000;
/** How often losses are told, ms. */
const tellEvery = 60_000;

export class TraceJournal {
  readonly #options: JournalOptions;
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #waiting: MailEvent[] = [];
  #underway = 0;
  #timer: NodeJS.Timeout | undefined;
  #thread: Worker | undefined;
  #isClosed = false;
  #lost = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: JournalOptions, log: Log, counters: Counters) {
    this.#options = options;
    this.#log = log;
    this.#counters = counters;
  }

  note(event: MailEvent): void {
    if (this.#isClosed || this.#waiting.length >= mostWaiting) {
      this.#lose(1, "too many events wait");
      return;
    }
    this.#waiting.push(event);
    if (this.#underway > 0) {
      return;
    }
    if (this.#waiting.length >= mostTogether) {
      this.#send();
    } else {
      this.#timer ??= setTimeout(() => this.#send(), gather).unref();
    }
  }

  /** What waits is still written. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const end = performance.now() + closeTimeout;
    while ((this.#waiting.length > 0 || this.#underway > 0) && performance.now() < end) {
      this.#send();
      await within(once(this.#thread ?? this.#start(), "message"), closeTimeout, "").catch(() => undefined);
    }
    const left = this.#waiting.length + this.#underway;
    if (left > 0) {
      this.#lose(left, "not written in time");
    }
    const thread = this.#thread;
    if (thread !== undefined) {
      const ended = once(thread, "exit");
      thread.postMessage("close" satisfies ToThread, []);
      await within(ended, closeTimeout, "").catch(() => undefined);
      await thread.terminate();
    }
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#underway > 0 || this.#waiting.length === 0) {
      return;
    }
    const events = this.#waiting.splice(0, mostTogether);
    this.#underway = events.length;
    this.#thread ??= this.#start();
    this.#thread.postMessage({ events, now: Date.now() } satisfies ToThread, []);
  }

  #start(): Worker {
    const thread = new Worker(new URL("./journal-thread.ts", import.meta.url), { workerData: this.#options });
    thread.unref();
    thread.on("message", (message: FromThread) => this.#hear(message));
    thread.on("error", (error) => this.#failed(error.message));
    thread.on("exit", () => {
      this.#thread = undefined;
      this.#failed("its thread ended");
    });
    this.#thread = thread;
    return thread;
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case "written":
        this.#underway = 0;
        break;
      case "failed":
        this.#failed(message.why);
        break;
      case "moved":
        this.#log.error("trace", "damaged file moved aside, starting with an empty one", {
          to: message.to,
          why: message.why,
        });
        return;
    }
    if (this.#waiting.length > 0 && !this.#isClosed) {
      this.#send();
    }
  }

  #failed(why: string): void {
    const lost = this.#underway;
    this.#underway = 0;
    if (lost > 0) {
      this.#lose(lost, why);
    }
  }

  #lose(events: number, why: string): void {
    this.#counters.add("trace_lost", undefined, events);
    this.#lost += events;
    const now = performance.now();
    if (now - this.#toldAt >= tellEvery) {
      this.#toldAt = now;
      this.#log.error("trace", "events not written", { events: this.#lost, why, folder: this.#options.folder });
      this.#lost = 0;
    }
  }
}
