/** Lines to a descriptor in batches: written on a timer, when there are many, and at exit; never dropped without a word. */
import { writeSync } from "node:fs";

/** Waiting text above which a line is written at once. */
const batch = 32_768;
/** What may wait for a reader that does not read; beyond it lines are counted instead of kept. */
const most = 8_388_608;
const interval = 50;

/** Collects lines and writes them together. One write a batch instead of one a verdict. */
export class LineWriter {
  readonly #descriptor: number;
  #waiting = "";
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param descriptor an open file descriptor, 2 for standard error */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    process.on("exit", () => this.#flushAtExit());
  }

  /** Adds a line (without its line feed). `urgent` ones are written at once. */
  write(line: string, urgent: boolean): void {
    if (this.#waiting.length > most) {
      this.#lost++;
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
    const bytes = Buffer.from(this.#waiting);
    let done = 0;
    try {
      while (done < bytes.length) {
        done += writeSync(this.#descriptor, bytes, done);
      }
      this.#waiting = "";
      this.#tellLost();
    } catch (error) {
      this.#waiting = bytes.toString("utf8", done);
      // EAGAIN: the pipe is full, its reader is slow. EPIPE and the like: nobody will ever read it.
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") {
        this.#arm();
      } else {
        this.#waiting = "";
      }
    }
  }

  #tellLost(): void {
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.write(`log: lines lost count=${lost} reason="reader too slow"`, false);
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
