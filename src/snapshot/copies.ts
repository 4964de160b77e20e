/**
 * Verified copies of large snapshot files, in a folder of the relay's own: all its processes map the same one, so that
 * it is in memory once. Nobody else writes there; whoever writes over the published file disturbs no reader.
 */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Worker } from "node:worker_threads";

import { isRunning } from "../files/running-process.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Copy, Facts } from "./content.ts";
import type { CopyAnswer, CopyOrder } from "./copy-worker.ts";
import { copyName, factsPath, filterPath, makeCopy, partPath } from "./copy.ts";
import type { FlawedReading, SeenFile } from "./file.ts";
import { KeyFilter } from "./filter.ts";
import type { Trust } from "./trust.ts";

/** A copy, what is wrong with the file, that another process is making the copy, or why there can be none. */
export type CopyReading =
  | { readonly kind: "copied"; readonly id: string; readonly copy: Copy }
  | FlawedReading
  | { readonly kind: "busy" }
  | { readonly kind: "failed"; readonly why: string };

/** To copy and inspect, in ms, and how many bytes more time each ms more is for: a slow disk does 10 MB a second. */
const leastDeadline = 60_000;
const bytesPerMs = 10_000;

/** The copies of one relay. */
export class Copies {
  readonly #folder: string;

  /** @param folder is there, and nobody else writes to it */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes the copy that is there, or makes it while the process waits. */
  takeNow(path: string, seen: SeenFile, trust: Trust): CopyReading {
    try {
      const found = this.#find(seen.id, trust);
      return found ?? this.#finish(makeCopy(path, this.#folder, trust), trust);
    } catch (error) {
      return { kind: "failed", why: errorMessage(error) };
    }
  }

  /** Takes the copy that is there, or makes it in a thread, unless another process does so already. Rejects never. */
  async take(path: string, seen: SeenFile, trust: Trust): Promise<CopyReading> {
    try {
      const found = this.#find(seen.id, trust);
      if (found !== undefined || this.#isInTheMaking(seen.id, trust)) {
        return found ?? { kind: "busy" };
      }
      return this.#finish(await this.#makeAside(path, seen, trust), trust);
    } catch (error) {
      return { kind: "failed", why: errorMessage(error) };
    }
  }

  async #makeAside(path: string, { id, size }: SeenFile, trust: Trust): Promise<CopyAnswer> {
    const part = partPath(copyName(this.#folder, id, trust));
    // Before the thread starts: the others look within the same second.
    writeFileSync(part, "");
    try {
      return await makeInThread({ path, folder: this.#folder, trust }, leastDeadline + size / bytesPerMs);
    } finally {
      rmSync(part, { force: true });
    }
  }

  #find(id: string, trust: Trust): CopyReading | undefined {
    const path = copyName(this.#folder, id, trust);
    return existsSync(path) ? { kind: "copied", id, copy: openCopy(path) } : undefined;
  }

  #isInTheMaking(id: string, trust: Trust): boolean {
    const start = `${basename(copyName(this.#folder, id, trust))}.`;
    return readdirSync(this.#folder).some((name) => {
      const [, pid] = /^(\d+)\.part$/.exec(name.startsWith(start) ? name.slice(start.length) : "") ?? [];
      return pid !== undefined && Number(pid) !== process.pid && isRunning(Number(pid));
    });
  }

  /** The copies before it go; who still has one mapped keeps it until it closes. */
  #finish(answer: CopyAnswer, trust: Trust): CopyReading {
    if (answer.kind !== "made") {
      return answer;
    }
    const own = basename(copyName(this.#folder, answer.id, trust));
    for (const name of readdirSync(this.#folder)) {
      if (/\.sqlite(\.json|\.filter)?$/.test(name) && !name.startsWith(own)) {
        rmSync(join(this.#folder, name), { force: true });
      }
    }
    const found = this.#find(answer.id, trust);
    return found ?? { kind: "failed", why: "the copy was removed" };
  }
}

function openCopy(path: string): Copy {
  // Written by makeCopy, where nobody else writes.
  const facts = JSON.parse(readFileSync(factsPath(path), "utf8")) as Facts;
  return { path, facts, filter: new KeyFilter(readFileSync(filterPath(path))) };
}

function makeInThread(order: CopyOrder, deadline: number): Promise<CopyAnswer> {
  const worker = new Worker(new URL("./copy-worker.ts", import.meta.url), { workerData: order });
  const timer = setTimeout(() => void worker.terminate(), deadline);
  return new Promise<CopyAnswer>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("Cannot copy the file: the thread ended early")));
  }).finally(() => clearTimeout(timer));
}
