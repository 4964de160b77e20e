/**
 * Lines to a file that several processes append to. It is opened again when another program has renamed or removed it
 * (logrotate), and renamed by itself when it has grown to a size.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, statSync } from "node:fs";

import { errorCode } from "../report/error-message.ts";
import type { Line } from "./line.ts";
import { LineWriter } from "./line-writer.ts";
import { isUrgent } from "./sink.ts";
import type { Level, Sink } from "./sink.ts";

/** `[log] rotate`. */
export interface Rotation {
  /** Bytes; 0: never. */
  readonly size: number;
  /** Renamed files that are kept. */
  readonly keep: number;
}

/** Between two looks at the file, in ms. */
const lookEvery = 1000;
/** A lock that is older than this belongs to a process that died while it renamed, in ms. */
const staleAfter = 10_000;
/** For the owner and the group, as other logs. */
const mode = 0o640;

/** One log file. */
export class FileSink implements Sink {
  readonly #path: string;
  readonly #rotation: Rotation;
  readonly #writer: LineWriter;
  #descriptor: number;
  #lookedAt = performance.now();

  /** @throws NodeJS.ErrnoException if the file cannot be opened */
  constructor(path: string, rotation: Rotation) {
    this.#path = path;
    this.#rotation = rotation;
    this.#descriptor = openSync(path, "a", mode);
    this.#writer = new LineWriter(this.#descriptor);
  }

  write(level: Level, line: Line): void {
    const now = performance.now();
    if (now - this.#lookedAt >= lookEvery) {
      this.#lookedAt = now;
      this.#look();
    }
    this.#writer.write(line, isUrgent(level));
  }

  reopen(): void {
    this.#writer.flush();
    let fresh: number;
    try {
      fresh = openSync(this.#path, "a", mode);
    } catch (error) {
      // The open file still takes every line.
      const code = errorCode(error);
      this.#writer.write(`log: cannot open the file anew path=${JSON.stringify(this.#path)} reason=${code}`, true);
      return;
    }
    this.#descriptor = fresh;
    this.#writer.redirect(fresh);
  }

  close(): Promise<void> {
    return this.#writer.drain();
  }

  #look(): void {
    const size = this.#sizeIfOurs();
    if (size === undefined) {
      this.reopen();
    } else if (this.#rotation.size > 0 && size >= this.#rotation.size) {
      this.#rotate();
    }
  }

  /** The size of the file at the path, if that is still the one that is open. */
  #sizeIfOurs(): number | undefined {
    const there = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    const { dev, ino } = fstatSync(this.#descriptor, { bigint: true });
    return there !== undefined && there.dev === dev && there.ino === ino ? Number(there.size) : undefined;
  }

  /** Of several processes one renames; the others find another file at the path and open that. */
  #rotate(): void {
    const lock = `${this.#path}.lock`;
    try {
      closeSync(openSync(lock, "wx", mode));
    } catch {
      const held = statSync(lock, { throwIfNoEntry: false });
      if (held !== undefined && Date.now() - held.mtimeMs > staleAfter) {
        rmSync(lock, { force: true });
      }
      return;
    }
    try {
      if (this.#sizeIfOurs() !== undefined) {
        this.#rename();
      }
    } catch (error) {
      const code = errorCode(error);
      this.#writer.write(`log: cannot rename the file path=${JSON.stringify(this.#path)} reason=${code}`, true);
    } finally {
      rmSync(lock, { force: true });
    }
    this.reopen();
  }

  #rename(): void {
    for (let number = this.#rotation.keep; number > 1; number--) {
      const from = `${this.#path}.${number - 1}`;
      if (statSync(from, { throwIfNoEntry: false }) !== undefined) {
        renameSync(from, `${this.#path}.${number}`);
      }
    }
    renameSync(this.#path, `${this.#path}.1`);
  }
}
