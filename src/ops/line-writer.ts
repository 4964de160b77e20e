/** Lines to a descriptor in batches: written on a timer, when there are many, and at exit; never dropped without a word. */
import { writeSync } from "node:fs";

/** Waiting text above which a line is written at once. */
const batch = 32_768;
/** What may wait for a reader that does not read; beyond it lines are counted instead of kept. */
const most = 8_388_608;
const interval = 50;
const lineFeed = 10;

/** Collects lines and writes them together. One write a batch instead of one a verdict. */
export class LineWriter {
  readonly #descriptor: number;
  #waiting = "";
  #lost = 0;
  #whyLost = "";
  /** The last thing written was the beginning of a line. */
  #half = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param descriptor an open file descriptor, 2 for standard error */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    process.on("exit", () => this.#flushAtExit());
  }

  /** Adds a line (without its line feed). `urgent` ones are written at once. */
  write(line: string, urgent: boolean): void {
    if (this.#waiting.length > most) {
      this.#lose(1, "reader too slow");
      return;
    }
    this.#waiting += `${line}\n`;
    if (urgent || this.#waiting.length > batch) {
      this.flush();
    } else {
      this.#arm();
    }
  }

  /** Writes what waits, as far as the reader takes it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const mend = this.#half ? "\n" : "";
    const bytes = Buffer.from(mend + this.#waiting);
    this.#half = false;
    let done = 0;
    try {
      while (done < bytes.length) {
        done += writeSync(this.#descriptor, bytes, done);
      }
      this.#waiting = "";
      this.#tellLost();
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      const rest = bytes.toString("utf8", done);
      // EAGAIN: the pipe is full, its reader is slow.
      if (code === "EAGAIN") {
        this.#waiting = rest;
        this.#arm();
      } else {
        // ENOSPC: the disk may have room again one day; half a line must not become one with the next.
        this.#half = done === 0 ? mend !== "" : bytes[done - 1] !== lineFeed;
        this.#lose(rest.split("\n").length - 1 - (done === 0 ? mend.length : 0), code);
        this.#waiting = "";
      }
    }
  }

  #lose(lines: number, why: string): void {
    this.#lost += lines;
    this.#whyLost = why;
  }

  #tellLost(): void {
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.write(`log: lines lost count=${lost} reason="${this.#whyLost}"`, false);
    }
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.flush(), interval).unref();
  }

  /** A slow reader gets two seconds at exit, then the rest is given up. */
  #flushAtExit(): void {
    const end = Date.now() + 2000;
    while (this.#waiting !== "" && Date.now() < end) {
      this.flush();
      clearTimeout(this.#timer);
    }
  }
}
