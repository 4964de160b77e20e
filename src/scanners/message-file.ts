/** A message as a file that other programs may open by its name; gone when its scan is. */
import { randomUUID } from "node:crypto";
import { readdirSync, unlinkSync } from "node:fs";
import { open, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { isRunning } from "../files/running-process.ts";

const prefix = "goodmailto-scan-";

/** Where files are, and who may read them. */
export interface FilePlace {
  readonly folder: string;
  /** Group that may read them, as its number; undefined: the relay's own. */
  readonly group?: number | undefined;
  /** Not given: owner and group may read them. */
  readonly mode?: number;
}

/** Folders in which the files of processes that are gone were looked for. */
const swept = new Set<string>();

export class MessageFile {
  readonly path: string;
  readonly #file: Promise<FileHandle>;
  #written: Promise<void>;
  #removed = false;

  constructor({ folder, group, mode = 0o640 }: FilePlace) {
    sweep(folder);
    this.path = join(folder, `${prefix}${process.pid}-${randomUUID()}`);
    this.#file = this.#create(mode, group);
    this.#written = this.#file.then(() => undefined);
    this.#written.catch(() => undefined);
  }

  async #create(mode: number, group: number | undefined): Promise<FileHandle> {
    const file = await open(this.path, "wx", mode);
    if (group !== undefined) {
      await file.chown(process.geteuid?.() ?? -1, group);
    }
    return file;
  }

  /** Writes behind what is there; rejects where the disk is full, for example. */
  write(content: Buffer): Promise<void> {
    const written = this.#written.then(async () => {
      const file = await this.#file;
      for (let at = 0; at < content.length && !this.#removed;) {
        const { bytesWritten } = await file.write(content, at);
        at += bytesWritten;
      }
    });
    this.#written = written;
    written.catch(() => undefined);
    return written;
  }

  /** It is complete, and may be read. */
  async close(): Promise<void> {
    await this.#written;
    await (await this.#file).close();
  }

  /** Takes it away, whatever is under way. */
  async remove(): Promise<void> {
    this.#removed = true;
    await this.#written.catch(() => undefined);
    await this.#file.then((file) => file.close()).catch(() => undefined);
    await unlink(this.path).catch(() => undefined);
  }
}

/** Takes the files of processes away that ended without doing so. */
function sweep(folder: string): void {
  if (swept.has(folder)) {
    return;
  }
  swept.add(folder);
  try {
    const left = readdirSync(folder).filter((name) => name.startsWith(prefix));
    left
      .filter((name) => !isRunning(Number(name.slice(prefix.length).split("-", 1)[0])))
      .forEach((name) => {
        unlinkSync(join(folder, name));
      });
  } catch {
    // Who may not list or empty the folder cannot write there, which the first file says.
  }
}
