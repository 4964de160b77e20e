/**
 * Control files as qpsmtpd reads them: one entry a line, edges trimmed, blank lines and `#` lines left out.
 * Read again when the file changes; what cannot be read leaves the previous list, and a missing file lists nothing.
 */
import { readFileSync, statSync } from "node:fs";
import type { Stats } from "node:fs";

/**
 * Told once when a file vanishes or cannot be read: an event for the log. A file that is missing from the start is told
 * of by src/compose/list-warnings.ts.
 */
export type ControlFault = (event: string, facts: { readonly path: string; readonly fault: string }) => void;

/** Looked at no more often than this, in ms. */
const lookEvery = 1000;
/** A larger file is a mistake, and would hold up every session while it is read. */
const maxBytes = 4 * 1024 * 1024;

/** The entries of a control file's text. */
export function controlLines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** One control file, held in the form that its reader wants. */
export class ControlFile<T> {
  readonly #path: string;
  readonly #read: (lines: readonly string[]) => T;
  readonly #now: () => number;
  readonly #fault: ControlFault;
  #value: T;
  #identity = "";
  #complaint = "";
  #looked = Number.NEGATIVE_INFINITY;

  /**
   * @param path "" is a file that is always missing
   * @param read makes the value from the entries; a missing file has none
   * @param now ms
   */
  constructor(path: string, read: (lines: readonly string[]) => T, now: () => number, fault: ControlFault) {
    this.#path = path;
    this.#read = read;
    this.#now = now;
    this.#fault = fault;
    this.#value = read([]);
  }

  /** The value, from the file as it stood at most a second ago. */
  current(): T {
    const now = this.#now();
    // A clock that was set back must not keep an old list for hours.
    if (this.#path !== "" && (now - this.#looked >= lookEvery || now < this.#looked)) {
      this.#looked = now;
      this.#look();
    }
    return this.#value;
  }

  #look(): void {
    try {
      const facts = statSync(this.#path, { throwIfNoEntry: false });
      // ctime too: a file that becomes readable by chmod has changed.
      const identity =
        facts === undefined ? "" : `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeMs}:${facts.ctimeMs}`;
      if (identity !== this.#identity) {
        if (facts === undefined) {
          this.#fault("list file is missing, nothing is refused by it", { path: this.#path, fault: "ENOENT" });
        }
        this.#identity = identity;
        this.#value = this.#read(facts === undefined ? [] : this.#lines(facts));
        this.#complaint = "";
      }
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error));
    }
  }

  #lines(facts: Stats): string[] {
    // A pipe or device could block every session.
    if (!facts.isFile() || facts.size > maxBytes) {
      throw new RangeError(`Cannot read control file: not a plain file of at most ${maxBytes} bytes`);
    }
    return controlLines(readFileSync(this.#path, "utf8"));
  }

  /** Once a fault, not once a second. */
  #complain(complaint: string): void {
    if (complaint !== this.#complaint) {
      this.#complaint = complaint;
      this.#fault("list cannot be read, keeping the previous one", { path: this.#path, fault: complaint });
    }
  }
}
