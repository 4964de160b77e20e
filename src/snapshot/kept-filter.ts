/**
 * The filter of a copy, read from the file beside it when the list is opened, and given back when it is closed: the one
 * before is gone by then, so that a process that takes up a list never has two of 17 MB. Until it is there, any key may be.
 */
import { readFile } from "node:fs/promises";

import { freeBytes, KeyFilter } from "./filter.ts";

export class KeptFilter {
  #filter: KeyFilter | undefined;
  #isReleased = false;

  /** @param path written by copy.ts; where it cannot be read any more, look-ups ask the list each time */
  constructor(path: string) {
    readFile(path).then(
      (bytes) => this.#keep(bytes),
      () => undefined,
    );
  }

  /** False: the key is not in the list. */
  mayHave(key: string): boolean {
    return this.#filter === undefined || this.#filter.mayHave(key);
  }

  /** Gives its memory back. From then on any key may be. */
  release(): void {
    this.#isReleased = true;
    const filter = this.#filter;
    this.#filter = undefined;
    if (filter !== undefined) {
      freeBytes(filter.bytes);
    }
  }

  #keep(bytes: Buffer): void {
    if (this.#isReleased) {
      freeBytes(bytes);
    } else if (bytes.length > 0) {
      this.#filter = new KeyFilter(bytes);
    }
  }
}
