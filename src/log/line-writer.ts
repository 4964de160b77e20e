/**
 * Lines to a descriptor in batches: written on a timer, when there are many, and at exit; never dropped without a word.
 * A batch for a regular file is written by a thread of Node's pool: while the system writes back what another program
 * copied, an append to a file of the same disk takes 0.1 s now and then, and the sessions must not wait for it.
 */
import { closeSync, writeSync } from "node:fs";

import { errorCode } from "../report/error-message.ts";
import type { Line } from "./line.ts";
import { LineBatch } from "./line-batch.ts";
import { isRegular, PieceWriter } from "./piece-writer.ts";
import type { Written } from "./piece-writer.ts";
import { lostLine } from "./sink.ts";

/** Bytes of waiting text above which it is written at once: a little less than an empty pipe takes. */
const batch = 61_440;
/** Bytes that may wait for a reader that does not read; beyond them lines are counted instead of kept. */
const most = 8_388_608;
/** Bytes that wait behind a batch that a thread has: beyond them the pool is busy otherwise, and they go before it. */
const behind = 4_194_304;
const interval = 50;
const soon = 1;
const lineFeed = 10;

/** Collects lines and writes them together. One write a batch instead of one a verdict. */
export class LineWriter {
  #descriptor: number;
  readonly #prefix: string;
  /** What waits: complete lines. Then those in `#tail`. */
  #pieces: Buffer[] = [];
  /** How much of the first piece is written. */
  #offset = 0;
  readonly #tail = new LineBatch();
  /** Of all that waits. */
  #bytes = 0;
  #lost = 0;
  #whyLost = "";
  /** The last thing written was the beginning of a line that is lost. */
  #half = false;
  /** The reader took no more, and the timer will try again: until then a line costs no more than itself. */
  #blocked = false;
  #timer: NodeJS.Timeout | undefined;
  #isFile: boolean;
  /** What waits goes after the piece that it has. */
  readonly #aside = new PieceWriter();
  /** Something urgent waits behind that piece. */
  #urgent = false;

  /**
   * @param descriptor an open file descriptor, 2 for standard error
   * @param prefix of its own line about lines that were lost
   */
  constructor(descriptor: number, prefix = "") {
    this.#descriptor = descriptor;
    this.#prefix = prefix;
    this.#isFile = isRegular(descriptor);
    process.on("exit", () => this.#flushAtExit());
  }

  /** Adds a line (without its line feed). `urgent` ones are written at once, unless the reader is slow. */
  write(line: Line, urgent: boolean): void {
    if (this.#bytes > most) {
      this.#lose(1, "reader too slow");
      return;
    }
    let bytes = this.#tail.add(line);
    if (bytes === 0) {
      this.#seal();
      bytes = this.#tail.add(line);
    }
    this.#bytes += bytes;
    if (this.#aside.size > 0) {
      this.#urgent ||= urgent;
      if (this.#bytes > behind) {
        this.#flushNow();
      }
    } else if (urgent && !this.#blocked) {
      this.#flushNow();
    } else if (this.#bytes > batch && !this.#blocked) {
      this.#send();
    } else {
      this.#arm();
    }
  }

  /** From now on another descriptor; what waits goes there, and the one before is closed. */
  redirect(descriptor: number): void {
    const before = this.#descriptor;
    this.#descriptor = descriptor;
    this.#isFile = isRegular(descriptor);
    this.#half = false;
    // A number that is free may soon be another file's.
    this.#aside.afterwards(() => closeSync(before));
  }

  /** Writes what waits, as far as the reader takes it; not what must go after a piece that a thread has. */
  flush(): void {
    if (this.#aside.size === 0) {
      this.#flushNow();
    }
  }

  /** Writes all, or as much as can be written within two seconds. Rejects never. */
  async drain(): Promise<void> {
    await this.#aside.drain();
    this.#flushNow();
  }

  /** Half a line is ended before anything else. */
  #send(): void {
    if (this.#isFile && !this.#half) {
      this.#handOver();
    } else {
      this.#flushNow();
    }
  }

  /** Gives the first piece to a thread. */
  #handOver(): void {
    this.#disarm();
    const piece = this.#first();
    if (piece !== undefined) {
      this.#pieces.shift();
      const descriptor = this.#descriptor;
      this.#aside.start(descriptor, piece, (written) => this.#onWritten(descriptor, piece, written));
    }
  }

  #onWritten(descriptor: number, piece: Buffer, { offset, why }: Written): void {
    this.#bytes -= piece.length;
    if (why === undefined) {
      this.#tellLost();
    } else {
      this.#lose(linesIn(piece, offset), why);
      this.#half = descriptor === this.#descriptor && offset > 0 && piece[offset - 1] !== lineFeed;
    }
    this.#tail.giveBack(piece);
    if (this.#urgent || this.#bytes > batch) {
      this.#urgent = false;
      this.#send();
    } else if (this.#bytes > 0) {
      this.#arm();
    }
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flushNow(): void {
    this.#disarm();
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
      this.#tail.giveBack(first);
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
    const lines = this.#tail.take();
    if (lines !== undefined) {
      this.#pieces.push(lines);
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
    this.#bytes = this.#aside.size;
  }

  #tellLost(): void {
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.write(this.#prefix + lostLine(lost, this.#whyLost), false);
    }
  }

  #arm(wait = interval): void {
    this.#timer ??= setTimeout(this.#onTime, wait).unref();
  }

  readonly #onTime = (): void => {
    this.#timer = undefined;
    if (this.#aside.size === 0) {
      this.#send();
    }
  };

  /** A slow reader gets two seconds at exit, then the rest is given up. */
  #flushAtExit(): void {
    const end = Date.now() + 2000;
    while (this.#bytes > this.#aside.size && Date.now() < end) {
      this.#flushNow();
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
