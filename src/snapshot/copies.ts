/**
 * Verified copies of large snapshot files, in a folder of the relay's own: all its processes map the same one, so that
 * it is in memory once. Nobody else writes there; whoever writes over the published file disturbs no reader.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { isRunning } from "../files/running-process.ts";
import { errorMessage } from "../report/error-message.ts";
import { runAside } from "./aside.ts";
import type { Copy, Facts } from "./content.ts";
import type { CopyAnswer, CopyOrder } from "./copy-worker.ts";
import { copyName, factsPath, filterPath, makeCopy, partPath } from "./copy.ts";
import type { FlawedReading, SeenFile } from "./file.ts";
import type { Trust } from "./trust.ts";

/** A copy, what is wrong with the file, that another process is making the copy, or why there can be none. */
export type CopyReading =
  | { readonly kind: "copied"; readonly id: string; readonly copy: Copy }
  | FlawedReading
  | { readonly kind: "busy" }
  | { readonly kind: "failed"; readonly why: string };

/**
 * How long a removed copy stays open, in ms: until the other processes have the new one. Whoever closes a file of a
 * gigabyte last waits until the system has freed it, a third of a second; a thread of the pool may.
 */
const keptOpen = 60_000;

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
      return found ?? this.#finishNow(makeCopy(path, this.#folder, trust), trust);
    } catch (error) {
      return { kind: "failed", why: errorMessage(error) };
    }
  }

  /** Takes the copy that is there, or makes it in a thread, unless another process does so already. Rejects never. */
  async take(path: string, seen: SeenFile, trust: Trust): Promise<CopyReading> {
    try {
      const found = await this.#findAside(seen.id, trust);
      if (found !== undefined || this.#isInTheMaking(seen.id, trust)) {
        return found ?? { kind: "busy" };
      }
      return await this.#finish(await this.#makeAside(path, seen, trust), trust);
    } catch (error) {
      return { kind: "failed", why: errorMessage(error) };
    }
  }

  async #makeAside(path: string, { id, size }: SeenFile, trust: Trust): Promise<CopyAnswer> {
    const part = partPath(copyName(this.#folder, id, trust));
    // Before the thread starts: the others look within the same second.
    await writeFile(part, "");
    try {
      const data: CopyOrder = { path, folder: this.#folder, trust };
      return await runAside<CopyAnswer>(new URL("./copy-worker.ts", import.meta.url), { data, size });
    } finally {
      await rm(part, { force: true });
    }
  }

  #find(id: string, trust: Trust): CopyReading | undefined {
    const path = copyName(this.#folder, id, trust);
    return existsSync(path)
      ? { kind: "copied", id, copy: copyAt(path, readFileSync(factsPath(path), "utf8")) }
      : undefined;
  }

  /** As above, while the sessions go on. */
  async #findAside(id: string, trust: Trust): Promise<CopyReading | undefined> {
    const path = copyName(this.#folder, id, trust);
    return existsSync(path)
      ? { kind: "copied", id, copy: copyAt(path, await readFile(factsPath(path), "utf8")) }
      : undefined;
  }

  #isInTheMaking(id: string, trust: Trust): boolean {
    const start = `${basename(copyName(this.#folder, id, trust))}.`;
    return readdirSync(this.#folder).some((name) => {
      const [, pid] = /^(\d+)\.part$/.exec(name.startsWith(start) ? name.slice(start.length) : "") ?? [];
      return pid !== undefined && Number(pid) !== process.pid && isRunning(Number(pid));
    });
  }

  #finishNow(answer: CopyAnswer, trust: Trust): CopyReading {
    if (answer.kind !== "made") {
      return answer;
    }
    this.#others(answer.id, trust).forEach((path) => rmSync(path, { force: true }));
    return this.#find(answer.id, trust) ?? removed;
  }

  async #finish(answer: CopyAnswer, trust: Trust): Promise<CopyReading> {
    if (answer.kind !== "made") {
      return answer;
    }
    await Promise.all(this.#others(answer.id, trust).map(removeSlowly));
    return (await this.#findAside(answer.id, trust)) ?? removed;
  }

  /** The copies before this one, with what belongs to them. Who still has one mapped keeps it until it closes. */
  #others(id: string, trust: Trust): string[] {
    const own = basename(copyName(this.#folder, id, trust));
    return readdirSync(this.#folder)
      .filter((name) => /\.sqlite(\.json|\.filter)?$/.test(name) && !name.startsWith(own))
      .map((name) => join(this.#folder, name));
  }
}

const removed = { kind: "failed", why: "the copy was removed" } as const;

/** Removes a file, and lets it go when nobody is likely to have it any more. */
async function removeSlowly(path: string): Promise<void> {
  const file = await open(path).catch(() => undefined);
  await rm(path, { force: true });
  if (file !== undefined) {
    setTimeout(() => void file.close().catch(() => undefined), keptOpen).unref();
  }
}

/** @param facts written by makeCopy, where nobody else writes */
function copyAt(path: string, facts: string): Copy {
  return { path, facts: JSON.parse(facts) as Facts, filterPath: filterPath(path) };
}
