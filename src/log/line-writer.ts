/**
 * Lines to a descriptor in batches: written on a timer, when there are many, and at exit; never dropped without a word.
 */
import { writeSync } from "node:fs";

import { errorCode } from "../report/error-message.ts";
import { lostLine } from "./sink.ts";

/** Bytes of waiting text above which it is written at once. */
const batch = 32_768;
/** What is encoded, and written, at a time: as much as an empty pipe takes. */
const piece = 65_536;
/** Bytes that may wait for a reader that does not read; beyond them lines are counted instead of kept. */
const most = 8_388_608;
const interval = 50;
const soon = 1;
const lineFeed = 10;

/** Collects lines and writes them together. One write a batch instead of one a verdict. */
export class LineWriter {
  #descriptor: number;
  readonly #prefix: string;
  /** What waits: complete lines, encoded once. Then the lines in `#tail`. */
  #pieces: Buffer[] = [];
  /** How much of the first piece is written. */
  #offset = 0;
  #tail = "";
  /** Of all that waits. */
  #bytes = 0;
  #lost = 0;
  #whyLost = "";
  /** The last thing written was the beginning of a line that is lost. */
  #half = false;
  /** The reader took no more, and the timer will try again: until then a line costs no more than itself. */
  #blocked = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param descriptor an open file descriptor, 2 for standard error
   * @param prefix of its own line about lines that were lost
   */
  constructor(descriptor: number, prefix = "") {
    this.#descriptor = descriptor;
    this.#prefix = prefix;
    process.on("exit", () => this.#flushAtExit());
  }

  /** Adds a line (without its line feed). `urgent` ones are written at once, unless the reader is slow. */
  write(line: string, urgent: boolean): void {
    if (this.#bytes > most) {
      this.#lose(1, "reader too slow");
      return;
    }
    this.#tail += `${line}\n`;
    // Each character is an octet; #seal corrects it where one is not.
    this.#bytes += line.length + 1;
    if (this.#tail.length >= piece) {
      this.#seal();
    }
    if (!this.#blocked && (urgent || this.#bytes > batch)) {
      this.flush();
    } else {
      this.#arm();
    }
  }

  /** From now on another descriptor; what waits goes there. */
  redirect(descriptor: number): void {
    this.#descriptor = descriptor;
    this.#half = false;
  }

  /** Writes what waits, as far as the reader takes it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#blocked = false;
    const before = this.#bytes;
    try {
      this.#writeAll();
      this.#tellLost();
    } catch (error) {
      const code = errorCode(error);
      // EAGAIN: the pipe is full, its reader is slow.
      if (code === "EAGAIN") {
        this.#blocked = true;
        // One that reads has emptied the pipe in a moment; one that does not is left alone for a while.
        this.#arm(this.#bytes < before ? soon : interval);
      } else {
        // ENOSPC: the disk may have room again one day.
        this.#loseAll(code);
      }
    }
  }

  #writeAll(): void {
    // Half a line must not become one with the next.
    if (this.#half && this.#bytes > 0) {
      writeSync(this.#descriptor, "\n");
      this.#half = false;
    }
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      while (this.#offset < first.length) {
        const written = writeSync(this.#descriptor, first, this.#offset);
        this.#offset += written;
        this.#bytes -= written;
      }
      this.#pieces.shift();
      this.#offset = 0;
    }
  }

  #first(): Buffer | undefined {
    if (this.#pieces.length === 0) {
      this.#seal();
    }
    return this.#pieces[0];
  }

  #seal(): void {
    if (this.#tail !== "") {
      const lines = Buffer.from(this.#tail);
      this.#bytes += lines.length - this.#tail.length;
      this.#pieces.push(lines);
      this.#tail = "";
    }
  }

  #lose(lines: number, why: string): void {
    this.#lost += lines;
    this.#whyLost = why;
  }

  /** A line of which a part is written is lost, too. */
  #loseAll(why: string): void {
    this.#seal();
    if (this.#offset > 0) {
      this.#half = this.#pieces[0]?.[this.#offset - 1] !== lineFeed;
    }
    const counts = this.#pieces.map((lines, i) => linesIn(lines, i === 0 ? this.#offset : 0));
    this.#lose(
      counts.reduce((sum, count) => sum + count, 0),
      why,
    );
    this.#pieces = [];
    this.#offset = 0;
    this.#bytes = 0;
  }

  #tellLost(): void {
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.write(this.#prefix + lostLine(lost, this.#whyLost), false);
    }
  }

  #arm(wait = interval): void {
    this.#timer ??= setTimeout(() => this.flush(), wait).unref();
  }

  /** A slow reader gets two seconds at exit, then the rest is given up. */
  #flushAtExit(): void {
    const end = Date.now() + 2000;
    while (this.#bytes > 0 && Date.now() < end) {
      this.flush();
      clearTimeout(this.#timer);
    }
  }
}

/** Lines that end behind an offset. */
function linesIn(bytes: Buffer, offset: number): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed, offset); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) {
    count += 1;
  }
  return count;
}
