/**
 * The recipients that clients asked for and the list does not know, newest last, one a line: the relay writes them, and
 * a sync of a source with `changes = "search"` asks its directory about them. Bounded, whatever strangers ask for.
 */
import { readFileSync } from "node:fs";

import { replaceFile } from "../files/replace.ts";
import type { Log } from "../report/log.ts";
import { errorMessage } from "../report/error-message.ts";

/** Addresses in the file. */
const most = 1000;
const writeEvery = 2000;
const complainEvery = 600_000;

/** Remembers in memory and writes to a file. */
export class AskedFile {
  readonly path: string;
  readonly #log: Log;
  readonly #addresses: Set<string>;
  readonly #timer: NodeJS.Timeout;
  #changed = false;
  #complainedAt = Number.NEGATIVE_INFINITY;

  /** Continues with the contents of the file. @param every ms between two writes */
  constructor(path: string, log: Log, every: number = writeEvery) {
    this.path = path;
    this.#log = log;
    this.#addresses = new Set(readAsked(path).slice(-most));
    this.#timer = setInterval(() => this.flush(), every).unref();
  }

  /** @param address in the normal form of a key */
  note(address: string): void {
    this.#changed ||= !this.#addresses.has(address);
    this.#addresses.delete(address);
    this.#addresses.add(address);
    const [oldest] = this.#addresses;
    if (this.#addresses.size > most && oldest !== undefined) {
      this.#addresses.delete(oldest);
    }
  }

  /** Writes the file where anything is new. Whole or not at all. */
  flush(): void {
    if (!this.#changed) {
      return;
    }
    try {
      replaceFile(this.path, [...this.#addresses].map((address) => `${address}\n`).join(""));
      this.#changed = false;
    } catch (error) {
      if (performance.now() - this.#complainedAt >= complainEvery) {
        this.#complainedAt = performance.now();
        this.#log.error("recipients", "cannot write asked_file", { path: this.path, why: errorMessage(error) });
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }
}

/** The addresses of a file; none if it cannot be read. */
export function readAsked(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}
