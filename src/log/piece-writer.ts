/**
 * One piece of a log after another, written by a thread of Node's pool to a regular file: no other descriptor can keep
 * that thread for good.
 */
import { fstatSync, write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { errorCode } from "../report/error-message.ts";

const writeInThread = promisify(write);
/** For the piece that the thread has, in ms, when the log is closed. */
const deadline = 2000;

/** How much of a piece is in the file, in bytes, and why it is not all. */
export interface Written {
  readonly offset: number;
  readonly why: string | undefined;
}

/** The thread, with what it has. */
export class PieceWriter {
  #size = 0;
  #ended: Promise<void> | undefined;

  /** Bytes that the thread has; 0: it has none. */
  get size(): number {
    return this.#size;
  }

  /** Gives it a piece; it must have none. @param onEnd is called when it has none any more */
  start(descriptor: number, piece: Buffer, onEnd: (written: Written) => void): void {
    this.#size = piece.length;
    this.#ended = writePiece(descriptor, piece).then((written) => {
      this.#size = 0;
      this.#ended = undefined;
      onEnd(written);
    });
  }

  /** Calls at once, or when the thread has no piece any more. */
  afterwards(call: () => void): void {
    if (this.#ended === undefined) {
      call();
    } else {
      void this.#ended.then(call);
    }
  }

  /** Waits until the thread has none, nor the next one, for two seconds at most. Rejects never. */
  async drain(): Promise<void> {
    const over = sleep(deadline, "over", { ref: false });
    for (let is: unknown; this.#ended !== undefined && is !== "over";) {
      is = await Promise.race([this.#ended, over]);
    }
  }
}

async function writePiece(descriptor: number, piece: Buffer): Promise<Written> {
  let offset = 0;
  try {
    while (offset < piece.length) {
      const { bytesWritten } = await writeInThread(descriptor, piece, offset, piece.length - offset, null);
      offset += bytesWritten;
    }
    return { offset, why: undefined };
  } catch (error) {
    return { offset, why: errorCode(error) };
  }
}

/** Whether a descriptor is a regular file's. */
export function isRegular(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}
