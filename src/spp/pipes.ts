/**
 * Real pipes for what plugins print. Node connects a child by socket pairs, and a socket cannot be opened by name:
 * a script's `>/dev/stderr` or `>/dev/stdout` would fail, and the command in it would be lost. So pipes are made as
 * named ones, many at a time, and lose their names when they are used.
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** One pipe: the end that the relay reads, and the descriptor for the program, to be closed once it has started. */
export interface Pipe {
  readonly reader: Readable;
  readonly writer: number;
}

/** So many pipes for one run of mkfifo. */
const batch = 128;
/** How long mkfifo may take, in ms. */
const patience = 5000;

/** Makes pipes; none if mkfifo or a writable folder for temporary files is missing. */
export class Pipes {
  #folder: string | undefined;
  #made = 0;
  readonly #stock: string[] = [];
  #broken = false;

  /** A new pipe, or undefined if there can be none. */
  take(): Pipe | undefined {
    if (this.#stock.length === 0 && !this.#broken) {
      this.#broken = !this.#make();
    }
    const path = this.#stock.pop();
    return path === undefined ? undefined : openPipe(path);
  }

  /** Removes what is left on disk. */
  remove(): void {
    if (this.#folder !== undefined) {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  #make(): boolean {
    try {
      this.#folder ??= mkdtempSync(join(tmpdir(), "goodmailto-pipes-"));
      const names = Array.from({ length: batch }, () => join(this.#folder ?? "", String(++this.#made)));
      const { status } = spawnSync("mkfifo", ["-m", "600", ...names], {
        env: { PATH: "/usr/bin:/bin:/usr/local/bin" },
        stdio: "ignore",
        timeout: patience,
      });
      this.#stock.push(...(status === 0 ? names : []));
      return status === 0;
    } catch {
      return false;
    }
  }
}

/** Without a writer's wait, the reading end must be opened first. */
function openPipe(path: string): Pipe | undefined {
  let reading: number | undefined;
  try {
    reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    return { reader: new Socket({ fd: reading, readable: true, writable: false }), writer };
  } catch {
    if (reading !== undefined) {
      closeSync(reading);
    }
    return undefined;
  }
}

/** Closes both ends of a pipe whose program did not start, or the relay's of one whose program did. */
export function closeWriter(pipe: Pipe | undefined): void {
  if (pipe !== undefined) {
    closeSync(pipe.writer);
  }
}
