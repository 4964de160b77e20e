/**
 * Keeps the snapshot at hand: opens it, looks every second whether another file is there, and says loudly when there is
 * none to serve from. docs/design.md promise 2.
 *
 * Removed: nothing to serve from, at once (it is the administrator's emergency switch). A bad file while a good one is
 * open: an alarm, and the good one stays in use.
 */
import type { Log } from "../report/log.ts";
import { Complaints } from "./complaints.ts";
import type { Content } from "./content.ts";
import type { Copies } from "./copies.ts";
import { largeFile, statSnapshot } from "./file.ts";
import { openImage } from "./image.ts";
import type { Image } from "./image.ts";
import type { Flaw, Flawed } from "./inspect.ts";
import type { SourceRow } from "./format.ts";
import { inMemory, olderThan } from "./newest.ts";
import type { Newest } from "./newest.ts";
import { readLater, readNow } from "./readings.ts";
import type { Reading, ReadingOptions } from "./readings.ts";
import { plainTrust } from "./trust.ts";
import type { Trust } from "./trust.ts";
import { noWait, WaitingLists } from "./waiting.ts";
import type { Wait, WaitingFacts } from "./waiting.ts";
import { errorMessage } from "../report/error-message.ts";

/** What there is to serve from. Times are ms since 1970. */
export type SnapshotState =
  | {
      readonly kind: "open";
      readonly created: number;
      /** When its list was first published. */
      readonly since: number;
      readonly rows: number;
      readonly sources: readonly SourceRow[];
      /** A newer list waits for its time, see waiting.ts. */
      readonly waiting?: WaitingFacts;
      /** A bad file is at the path, while this good one stays in use; or a lookup threw in the last minute. */
      readonly alarm?: string;
    }
  | { readonly kind: "unavailable"; readonly why: Flaw; readonly detail: string };

/** The snapshot of a running process. */
export interface SnapshotReader {
  readonly path: string;
  readonly state: SnapshotState;
  /** The snapshot to ask; undefined while there is none. Not to be kept. */
  readonly image: Image | undefined;
  /** A newer list, which waits: whom it knows is accepted. Not to be kept. */
  readonly waiting?: Image | undefined;
  /** A lookup threw: logged at most every ten minutes, and the file is read again. */
  fail(error: unknown): void;
  /** Looks at the file, and takes it up if it is another and good. Rejects never. */
  check(): Promise<void>;
  /**
   * Asks for another key or signature from the next file on; the file that is there is judged again.
   * @param wait as in the options; not given: as before
   */
  change(trust: Trust, wait?: Wait): void;
  /** Checks every second, without keeping the process alive. */
  watch(): void;
  close(): void;
}

/** Which files are taken; the rest is for tests and for large machines. */
export interface ReaderOptions {
  readonly trust?: Trust;
  /** Remembers the newest signed file, so that no older one is taken again. */
  readonly newest?: Newest;
  /** ms since 1970. */
  readonly now?: () => number;
  /** ms between two looks at the file. */
  readonly interval?: number;
  /** Files of so many bytes are inspected in a thread of their own, and copied; smaller ones take less than 20 ms. */
  readonly threadAbove?: number;
  /** Where all processes of a relay have one copy of a large file; undefined: each has it in its own memory. */
  readonly copies?: Copies | undefined;
  readonly wait?: Wait;
}

/**
 * Opens the snapshot; it need not exist. The first reading is synchronous: nobody is served before it.
 */
export function openSnapshot(path: string, log: Log, options: ReaderOptions = {}): SnapshotReader {
  return new Reader(path, log, options);
}

class Reader implements SnapshotReader {
  readonly path: string;
  readonly #log: Log;
  readonly #options: Required<ReaderOptions>;
  readonly #reading: ReadingOptions;
  readonly #waiting: WaitingLists;
  readonly #complaints: Complaints;
  #image: Image | undefined;
  #flaw: Flawed | undefined = { why: "closed", detail: "not opened yet" };
  /** The file that was judged last, good or bad; undefined: judge again whatever is there. */
  #judged: string | undefined;
  #trust: Trust;
  #checking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string, log: Log, options: ReaderOptions) {
    this.path = path;
    this.#log = log;
    const usual = { now: Date.now, interval: 1000, threadAbove: largeFile, trust: plainTrust, newest: inMemory() };
    this.#options = { ...usual, copies: undefined, wait: noWait, ...options };
    const { now, wait } = this.#options;
    this.#trust = this.#options.trust;
    this.#waiting = new WaitingLists(path, log, wait, now);
    this.#complaints = new Complaints(path, log, now);
    const { threadAbove: largeFrom, copies } = this.#options;
    this.#reading = { path, largeFrom, copies, log };
    this.#take(readNow(this.#reading, this.#trust), this.#trust);
  }

  get image(): Image | undefined {
    return this.#image;
  }

  get waiting(): Image | undefined {
    return this.#waiting.newest;
  }

  get state(): SnapshotState {
    const flaw = this.#flaw;
    if (this.#image === undefined) {
      return { kind: "unavailable", why: flaw?.why ?? "closed", detail: flaw?.detail ?? "" };
    }
    const { created, since, rows, sources } = this.#image;
    const waiting = this.#waiting.facts;
    const open = { kind: "open", created, since, rows, sources, ...(waiting && { waiting }) } as const;
    if (flaw !== undefined) {
      return { ...open, alarm: `${flaw.why}: ${flaw.detail}` };
    }
    return this.#complaints.isFailing ? { ...open, alarm: "lookups fail, their recipients are accepted" } : open;
  }

  fail(error: unknown): void {
    this.#complaints.fail(error);
    this.#judged = undefined;
  }

  check(): Promise<void> {
    // Removal is seen at once, even while a large file is being read.
    if (!this.#closed && statSnapshot(this.path).kind === "missing") {
      this.#take({ kind: "flawed", id: undefined, flaw: { why: "missing", detail: "no such file" } }, this.#trust);
      return Promise.resolve();
    }
    this.#takeDue();
    this.#image?.quicken();
    this.#checking ??= this.#checkFile().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  change(trust: Trust, wait?: Wait): void {
    this.#waiting.change(wait, JSON.stringify(trust) !== JSON.stringify(this.#trust));
    this.#trust = trust;
    this.#judged = undefined;
  }

  watch(): void {
    // The check rejects never, and the timer does not wait for it.
    this.#timer ??= setInterval(() => void this.check(), this.#options.interval).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#closed = true;
    this.#waiting.clear();
    this.#image?.close();
    this.#image = undefined;
    this.#flaw = { why: "closed", detail: "closed by ourselves" };
  }

  async #checkFile(): Promise<void> {
    const seen = statSnapshot(this.path);
    if (seen.kind === "file" && seen.id === this.#judged) {
      this.#complaints.repeat(this.#flaw, this.#image !== undefined);
      return;
    }
    const trust = this.#trust;
    const reading = await readLater(this.#reading, seen, trust);
    const after = statSnapshot(this.path);
    // Another file by now, or none, or other keys: the next look judges again.
    if (
      !this.#closed &&
      trust === this.#trust &&
      reading.kind !== "busy" &&
      (reading.id === undefined || (after.kind === "file" && after.id === reading.id))
    ) {
      this.#take(reading, trust);
    }
  }

  /** Makes a reading the state, and says so if it changes anything. */
  #take(reading: Reading, trust: Trust): void {
    if (this.#closed || reading.kind === "busy") {
      return;
    }
    this.#judged = reading.id;
    if (reading.kind === "flawed") {
      this.#complain(reading.flaw);
      return;
    }
    const content: Content = reading.kind === "good" ? reading.bytes : reading.copy;
    let image: Image;
    try {
      image = openImage(content, trust);
    } catch (error) {
      this.#complain({ why: "torn", detail: errorMessage(error) });
      return;
    }
    const older = trust.publicKeys.length > 0 ? olderThan(image.created, this.#options.newest) : undefined;
    if (older !== undefined) {
      image.close();
      this.#complain({ why: "older", detail: older });
      return;
    }
    const isFirst = this.#flaw?.why === "closed";
    const recovered = this.#flaw !== undefined && !isFirst;
    this.#flaw = undefined;
    // A list that comes after there was none is better than none.
    const served = isFirst ? this.#waiting.findServed(image, trust) : undefined;
    if (served !== undefined) {
      this.#serve(served, false);
    }
    if (!this.#waiting.admit(image, content, this.#image)) {
      this.#serve(image, recovered);
      this.#waiting.keep(content);
    }
  }

  #takeDue(): void {
    const due = this.#waiting.takeDue();
    if (due !== undefined) {
      this.#serve(due.image, false);
      this.#waiting.keep(due.content);
      // What came after it is looked at again.
      this.#judged = due.isNewest ? this.#judged : undefined;
    }
  }

  #serve(image: Image, recovered: boolean): void {
    const { rows, created } = image;
    this.#image?.close();
    this.#image = image;
    if (this.#trust.publicKeys.length > 0) {
      this.#options.newest.take(created);
    }
    const fields = { path: this.path, rows, created: new Date(created).toISOString() };
    this.#log[recovered ? "warning" : "info"]("snapshot", "open", fields);
  }

  #complain(flaw: Flawed): void {
    if (flaw.why === "missing") {
      this.#waiting.clear();
      this.#image?.close();
      this.#image = undefined;
    }
    const news = this.#flaw?.why !== flaw.why;
    this.#flaw = flaw;
    this.#complaints[news ? "say" : "repeat"](flaw, this.#image !== undefined);
  }
}
