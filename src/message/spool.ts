/**
 * Where held messages wait: each in memory up to 1 MiB, then in a file that has no name any more. A process that ends,
 * in whatever way, leaves nothing behind. Bounded in number; in size by whoever writes.
 */
import { randomUUID } from "node:crypto";
import { openSync, unlinkSync } from "node:fs";
import { close, read, write, writev } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** What a message may take of memory; beyond it all goes into the file. */
const memoryLimit = 1_048_576;
/** Small packets are gathered into blocks: as buffers of their own they would take many times their size. */
const blockSize = 32_768;

const [writeAt, readAt, closeFile] = [promisify(write), promisify(read), promisify(close)];
const writeAll = promisify(writev);

/** The place for a number of spools. */
export interface SpoolPlace {
  /** Where files are made. */
  readonly folder: string;
  /** How many messages may be held at a time. */
  readonly most: number;
}

export class SpoolRoom {
  #place: SpoolPlace;
  #taken = 0;

  constructor(place: SpoolPlace) {
    this.#place = place;
  }

  /** Takes a new place for new spools. */
  change(place: SpoolPlace): void {
    this.#place = place;
  }

  /** Messages that are held now. */
  get taken(): number {
    return this.#taken;
  }

  /** A spool, which must be closed; undefined: there is no room. */
  open(): Spool | undefined {
    if (this.#taken >= this.#place.most) {
      return undefined;
    }
    this.#taken++;
    return new Spool(this.#place.folder, () => this.#taken--);
  }

  /** A further spool for a message that has one: its new body. */
  again(): Spool {
    return new Spool(this.#place.folder, () => undefined);
  }
}

export class Spool {
  /** Why it holds nothing any more: the disk is full, for example. */
  fault: Error | undefined;
  readonly #folder: string;
  readonly #release: () => void;
  #blocks: Buffer[] = [];
  /** Bytes of the last block that are in use. */
  #used = 0;
  #size = 0;
  /** Bytes that are in the file. */
  #written = 0;
  #file: number | undefined;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(folder: string, release: () => void) {
    this.#folder = folder;
    this.#release = release;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies these bytes. False: wait for {@link drained}. */
  write(chunk: Buffer): boolean {
    if (this.#closed || this.fault !== undefined) {
      return true;
    }
    this.#size += chunk.length;
    for (let from = 0; from < chunk.length;) {
      const last = this.#blocks.at(-1);
      if (last === undefined || this.#used === blockSize) {
        this.#blocks.push(Buffer.allocUnsafeSlow(blockSize));
        this.#used = 0;
        continue;
      }
      const copied = chunk.copy(last, this.#used, from);
      this.#used += copied;
      from += copied;
    }
    const held = this.#size - this.#written;
    if (this.#file === undefined ? held > memoryLimit : held >= blockSize * 2) {
      this.#writing ??= this.#flush();
    }
    return this.#writing === undefined;
  }

  /** Resolves when more may be written; rejects never, see {@link error}. */
  async drained(): Promise<void> {
    await this.#writing;
  }

  /** Takes everything of a source. @throws the error of this spool, or the source's */
  async writeAll(source: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    for await (const chunk of source) {
      if (!this.write(chunk)) {
        await this.drained();
      }
      if (this.fault !== undefined) {
        throw this.fault;
      }
    }
  }

  async #flush(): Promise<void> {
    try {
      this.#file ??= openNameless(this.#folder);
      const full = this.#blocks.map((block, i) =>
        i === this.#blocks.length - 1 ? block.subarray(0, this.#used) : block,
      );
      this.#blocks = [];
      this.#used = 0;
      await writeFully(this.#file, full, this.#written);
      this.#written += full.reduce((sum, { length }) => sum + length, 0);
    } catch (error) {
      this.fault = error instanceof Error ? error : new Error(String(error));
      this.#blocks = [];
    }
    this.#writing = undefined;
    if (this.#closed) {
      this.#letGo();
    }
  }

  /**
   * Everything, from the beginning; it must not be written to or closed meanwhile. @throws Error if the file cannot be
   * read
   */
  async *read(): AsyncGenerator<Buffer, void, undefined> {
    await this.#writing;
    for (let at = 0; this.#file !== undefined && at < this.#written;) {
      const piece = Buffer.allocUnsafeSlow(Math.min(blockSize * 2, this.#written - at));
      const { bytesRead } = await readAt(this.#file, piece, 0, piece.length, at);
      if (bytesRead === 0) {
        throw new Error("Cannot read a spooled message: its file is too short");
      }
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
    for (const [i, block] of this.#blocks.entries()) {
      yield i === this.#blocks.length - 1 ? block.subarray(0, this.#used) : block;
    }
  }

  /** Lets everything go. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      if (this.#writing === undefined) {
        this.#letGo();
      }
    }
  }

  #letGo(): void {
    this.#blocks = [];
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) {
      // The descriptor is gone in any case.
      closeFile(file).catch(() => undefined);
    }
    this.#release();
  }
}

/** A file without a name. Both calls in one turn: no signal handler can end the process between them. */
export function openNameless(folder: string): number {
  const path = join(folder, `held-${process.pid}-${randomUUID()}`);
  const file = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return file;
}

/** A disk that is nearly full takes a part of it. */
async function writeFully(file: number, blocks: readonly Buffer[], position: number): Promise<void> {
  // writev changes nothing in them.
  const { bytesWritten } = await writeAll(file, blocks as Buffer[], position);
  let skip = bytesWritten;
  let at = position + bytesWritten;
  for (const block of blocks) {
    let from = Math.min(skip, block.length);
    skip -= from;
    while (from < block.length) {
      const written = await writeAt(file, block, from, block.length - from, at);
      from += written.bytesWritten;
      at += written.bytesWritten;
    }
  }
}
