/** A log file that could not be opened: its lines are counted until it can be. */
import { errorCode } from "../report/error-message.ts";
import { FileSink } from "./file-sink.ts";
import type { Rotation } from "./file-sink.ts";
import type { Line } from "./line.ts";
import { lostLine } from "./sink.ts";
import type { Level, Sink } from "./sink.ts";

/** Between two tries, in ms. */
const tryEvery = 1000;

export class LateFile implements Sink {
  readonly #path: string;
  readonly #rotation: Rotation;
  #file: FileSink | undefined;
  #triedAt = performance.now();
  #lost = 0;
  #why = "";

  constructor(path: string, rotation: Rotation) {
    this.#path = path;
    this.#rotation = rotation;
  }

  write(level: Level, line: Line): void {
    if (this.#file === undefined && performance.now() - this.#triedAt >= tryEvery) {
      this.#try();
    }
    if (this.#file === undefined) {
      this.#lost += 1;
    } else {
      this.#file.write(level, line);
    }
  }

  reopen(): void {
    if (this.#file === undefined) {
      this.#try();
    } else {
      this.#file.reopen();
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #try(): void {
    this.#triedAt = performance.now();
    try {
      this.#file = new FileSink(this.#path, this.#rotation);
    } catch (error) {
      this.#why = errorCode(error);
      return;
    }
    if (this.#lost > 0) {
      this.#file.write("warning", lostLine(this.#lost, this.#why === "" ? "not opened" : this.#why));
    }
  }
}
