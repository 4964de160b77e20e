/**
 * Lines as octets, one behind the other, in memory that is used again: as text, each of them would be joined, flattened
 * and encoded once more.
 */

import type { Line } from "./line.ts";

/** What is written at a time, in bytes: as much as an empty pipe takes. */
export const batchSize = 65_536;
const lineFeed = 10;
/** Octets of UTF-8 for each of JavaScript's units, at most. */
const widest = 3;

/** Complete lines that wait. */
export class LineBatch {
  #memory: Buffer = Buffer.allocUnsafeSlow(batchSize);
  #used = 0;
  /** What was taken before, and is written. */
  #spare: Buffer | undefined;

  /** Adds a line and its line feed. @returns their bytes; 0: there is no room, {@link take} makes it */
  add(line: Line): number {
    const most = line.length * widest + 1;
    if (this.#used + most > this.#memory.length) {
      if (this.#used > 0) {
        return 0;
      }
      this.#memory = Buffer.allocUnsafeSlow(most);
    }
    const before = this.#used;
    const end =
      before +
      (typeof line === "string"
        ? this.#memory.write(line, before)
        : line.memory.copy(this.#memory, before, 0, line.length));
    this.#memory[end] = lineFeed;
    this.#used = end + 1;
    return this.#used - before;
  }

  /** All lines, which do not wait here any more; undefined: there is none. */
  take(): Buffer | undefined {
    if (this.#used === 0) {
      return undefined;
    }
    const lines = this.#memory.subarray(0, this.#used);
    this.#memory = this.#spare ?? Buffer.allocUnsafeSlow(batchSize);
    this.#spare = undefined;
    this.#used = 0;
    return lines;
  }

  /** Lines that were taken are written: their memory may be used again. */
  giveBack({ buffer }: Buffer): void {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === batchSize) {
      this.#spare = Buffer.from(buffer);
    }
  }
}
