/**
 * A list that is sorted while it is read: a thread follows the scratch file of a large one, so that little is left to do
 * when all has been read. It is a head start and nothing else: whatever goes wrong, the list is made without it.
 */
import { rmSync } from "node:fs";
import { Worker } from "node:worker_threads";

import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { within } from "../../src/wait/within.ts";
import type { Follower } from "../read/group-file.ts";
import { createList } from "./fill.ts";
import { createGrowth, giveUp, grow } from "./growth.ts";
import type { Shared } from "./growth.ts";

/** What the thread gets. */
export interface EarlyOrder {
  /** Of the list. */
  readonly path: string;
  /** A descriptor of the scratch file. */
  readonly file: number;
  readonly growth: Shared;
  /** For more to read, in ms. */
  readonly deadline: number;
}

/** Octets of a scratch file from which on a thread is worth its start: some 40,000 rows. */
const large = 2 << 20;

/** It makes buffers that nobody keeps, MB. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };

interface Work {
  readonly worker: Worker;
  /** How many rows the list has; undefined: there is none. Rejects never. */
  readonly ended: Promise<number | undefined>;
}

/** A list in the making. */
export class EarlyList implements Follower {
  readonly #path: string;
  readonly #log: Log;
  readonly #deadline: number;
  readonly #growth = createGrowth();
  #size = 0;
  #work: Work | undefined;
  #isGivenUp = false;

  /** @param path of the list @param deadline of the run, in ms */
  constructor(path: string, log: Log, deadline: number) {
    this.#path = path;
    this.#log = log;
    this.#deadline = deadline;
  }

  grown(file: number, size: number): void {
    this.#size = size;
    if (size >= large && !this.#isGivenUp) {
      this.#work ??= this.#start(file);
    }
    if (this.#work !== undefined && !this.#isGivenUp) {
      grow(this.#growth, size, false);
    }
  }

  giveUp(): void {
    this.#isGivenUp = true;
    giveUp(this.#growth);
  }

  /** All has been written. @returns how many rows the list has; undefined: it has to be made */
  async finish(): Promise<number | undefined> {
    if (this.#work !== undefined && !this.#isGivenUp) {
      grow(this.#growth, this.#size, true);
    }
    return await this.#end();
  }

  /** Leaves no thread behind. */
  async close(): Promise<void> {
    this.giveUp();
    await this.#end();
  }

  async #end(): Promise<number | undefined> {
    const work = this.#work;
    if (work === undefined) {
      return undefined;
    }
    this.#work = undefined;
    const rows = await within(work.ended, this.#deadline, "it takes too long").catch((late) => {
      // Not terminated: where SQLite asks for a row at that moment, it would end the process.
      this.#warn(errorMessage(late));
      this.giveUp();
      work.worker.unref();
      return undefined;
    });
    if (rows === undefined) {
      rmSync(this.#path, { force: true });
    }
    return rows;
  }

  #warn(why: string): void {
    this.#log.warning("sync", "sorting while reading failed, sorting afterwards", { why });
  }

  #start(file: number): Work {
    createList(this.#path);
    const order: EarlyOrder = { path: this.#path, file, growth: this.#growth, deadline: this.#deadline };
    const worker = new Worker(new URL("./early-thread.ts", import.meta.url), { workerData: order, resourceLimits });
    const ended = new Promise<number | undefined>((resolve) => {
      let rows: number | undefined;
      let why = "its thread ended";
      worker.once("message", (value: number) => (rows = value));
      worker.once("error", (error) => (why = errorMessage(error)));
      worker.once("exit", () => {
        if (rows === undefined && !this.#isGivenUp) {
          this.#warn(why);
        }
        resolve(rows);
      });
    });
    return { worker, ended };
  }
}
