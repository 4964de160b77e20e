/** Writes a file from its beginning as fast as the disk takes it, with a bound on what waits. */
import { write } from "node:fs";
import { promisify } from "node:util";

import { asError } from "../report/error-message.ts";

const writeAt = promisify(write);
/** Bytes that may wait. */
const most = 1_048_576;

export class FileWriter {
  readonly #file: number;
  #waiting: Buffer[] = [];
  #held = 0;
  #at = 0;
  #writing: Promise<void> | undefined;
  #fault: Error | undefined;

  /** @param file a descriptor, which is the caller's to close */
  constructor(file: number) {
    this.#file = file;
  }

  /** Takes these bytes, which must not change any more. False: wait for {@link drained}. */
  write(chunk: Buffer): boolean {
    if (this.#fault === undefined) {
      this.#waiting.push(chunk);
      this.#held += chunk.length;
      this.#writing ??= this.#flush();
    }
    return this.#held < most;
  }

  /** Resolves when nothing waits; rejects never. */
  async drained(): Promise<void> {
    await this.#writing;
  }

  /** Resolves when everything is written. @throws what the file system throws */
  async end(): Promise<void> {
    await this.#writing;
    if (this.#fault !== undefined) {
      throw this.#fault;
    }
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const bytes = Buffer.concat(this.#waiting);
        this.#waiting = [];
        for (let from = 0; from < bytes.length;) {
          const { bytesWritten } = await writeAt(this.#file, bytes, from, bytes.length - from, this.#at);
          from += bytesWritten;
          this.#at += bytesWritten;
        }
        this.#held -= bytes.length;
      }
    } catch (error) {
      this.#fault = asError(error);
      this.#waiting = [];
      this.#held = 0;
    }
    this.#writing = undefined;
  }
}
