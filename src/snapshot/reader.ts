/**
 * Keeps the snapshot at hand: opens it, looks every second whether another file is there, and says loudly when there is
 * none to serve from. docs/design.md promise 2.
 *
 * Removed: nothing to serve from, at once (it is the administrator's emergency switch). A bad file while a good one is
 * open: an alarm, and the good one stays in use.
 */
import type { Log } from "../report/log.ts";
import type { Content } from "./content.ts";
import type { Copies } from "./copies.ts";
import { largeFile, statSnapshot } from "./file.ts";
import { openImage } from "./image.ts";
import type { Image } from "./image.ts";
import type { Flaw, Flawed } from "./inspect.ts";
import type { SourceRow } from "./format.ts";
import { inMemory, refuseOlder } from "./newest.ts";
import type { Newest } from "./newest.ts";
import { readLater, readNow } from "./readings.ts";
import type { Reading, ReadingOptions } from "./readings.ts";
import { plainTrust } from "./trust.ts";
import type { Trust } from "./trust.ts";
import { errorMessage } from "../report/error-message.ts";

/** What there is to serve from. Times are ms since 1970. */
export type SnapshotState =
  | {
      readonly kind: "open";
      readonly created: number;
      readonly rows: number;
      readonly sources: readonly SourceRow[];
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
  /** A lookup threw: logged at most every ten minutes, and the file is read again. */
  fail(error: unknown): void;
  /** Looks at the file, and takes it up if it is another and good. Rejects never. */
  check(): Promise<void>;
  /** Asks for another key or signature from the next file on; the file that is there is judged again. */
  change(trust: Trust): void;
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
}

/** Between two complaints about the same thing, in ms. */
const repeatAfter = 600_000;
/** How long a lookup that threw is shown in the state, in ms. */
const alarmAfterFailure = 60_000;

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
  #image: Image | undefined;
  #flaw: Flawed | undefined = { why: "closed", detail: "not opened yet" };
  /** The file that was judged last, good or bad; undefined: judge again whatever is there. */
  #judged: string | undefined;
  #trust: Trust;
  #saidAt = 0;
  /** When a lookup threw, and when that was logged. */
  #failedAt = Number.NEGATIVE_INFINITY;
  #saidFailureAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string, log: Log, options: ReaderOptions) {
    this.path = path;
    this.#log = log;
    const usual = { now: Date.now, interval: 1000, threadAbove: largeFile, trust: plainTrust, newest: inMemory() };
    this.#options = { ...usual, copies: undefined, ...options };
    this.#trust = this.#options.trust;
    const { threadAbove: largeFrom, copies } = this.#options;
    this.#reading = { path, largeFrom, copies, log };
    this.#take(readNow(this.#reading, this.#trust), this.#trust);
  }

  get image(): Image | undefined {
    return this.#image;
  }

  get state(): SnapshotState {
    const flaw = this.#flaw;
    if (this.#image === undefined) {
      return { kind: "unavailable", why: flaw?.why ?? "closed", detail: flaw?.detail ?? "" };
    }
    const { created, rows, sources } = this.#image;
    const open = { kind: "open", created, rows, sources } as const;
    if (flaw !== undefined) {
      return { ...open, alarm: `${flaw.why}: ${flaw.detail}` };
    }
    const failing = this.#options.now() - this.#failedAt < alarmAfterFailure;
    return failing ? { ...open, alarm: "lookups fail, their recipients are accepted" } : open;
  }

  fail(error: unknown): void {
    const now = this.#options.now();
    this.#failedAt = now;
    if (now - this.#saidFailureAt >= repeatAfter) {
      this.#saidFailureAt = now;
      const detail = errorMessage(error);
      this.#log.error("snapshot", "lookup failed, accepting its recipient", { path: this.path, detail });
    }
    this.#judged = undefined;
  }

  check(): Promise<void> {
    // Removal is seen at once, even while a large file is being read.
    if (!this.#closed && statSnapshot(this.path).kind === "missing") {
      this.#take({ kind: "flawed", id: undefined, flaw: { why: "missing", detail: "no such file" } }, this.#trust);
      return Promise.resolve();
    }
    this.#checking ??= this.#checkFile().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  change(trust: Trust): void {
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
    this.#image?.close();
    this.#image = undefined;
    this.#flaw = { why: "closed", detail: "closed by ourselves" };
  }

  async #checkFile(): Promise<void> {
    const seen = statSnapshot(this.path);
    if (seen.kind === "file" && seen.id === this.#judged) {
      this.#repeat();
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
    const older = trust.publicKeys.length > 0 ? refuseOlder(image.created, this.#options.newest) : undefined;
    if (older !== undefined) {
      image.close();
      this.#complain({ why: "older", detail: older });
      return;
    }
    this.#image?.close();
    this.#image = image;
    const recovered = this.#flaw !== undefined && this.#flaw.why !== "closed";
    this.#flaw = undefined;
    const { rows, created } = image;
    const fields = { path: this.path, rows, created: new Date(created).toISOString() };
    this.#log[recovered ? "warning" : "info"]("snapshot", "open", fields);
  }

  #complain(flaw: Flawed): void {
    if (flaw.why === "missing") {
      this.#image?.close();
      this.#image = undefined;
    }
    const news = this.#flaw?.why !== flaw.why;
    this.#flaw = flaw;
    if (news) {
      this.#say(flaw);
    } else {
      this.#repeat();
    }
  }

  #repeat(): void {
    if (this.#flaw !== undefined && this.#options.now() - this.#saidAt >= repeatAfter) {
      this.#say(this.#flaw);
    }
  }

  #say({ why, detail }: Flawed): void {
    this.#saidAt = this.#options.now();
    const fields = { path: this.path, why, detail };
    if (this.#image === undefined) {
      this.#log.error("snapshot", "unavailable, accepting every recipient of the relay domains", fields);
    } else {
      this.#log.error("snapshot", "invalid file, still serving the previous snapshot", fields);
    }
  }
}
