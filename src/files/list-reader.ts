/**
 * List files as qpsmtpd reads them: one entry a line, edges trimmed, blank lines and `#` lines left out, `$include`.
 * Found by name in folders, the first that has it. Bounded, since every session waits while a file is read.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

import { errorCode } from "../report/error-message.ts";

/** One entry, and where it is written. */
export interface ListEntry {
  readonly text: string;
  readonly path: string;
  readonly line: number;
}

/** Says why an entry is left out, or what is suspicious about one that counts. */
export type Remark = (entry: ListEntry, why: string) => void;

/** A list as it is now. */
export interface ListText {
  readonly entries: readonly ListEntry[];
  /** The file it was found in; undefined: in none. */
  readonly path: string | undefined;
  /** Lines that are left out, as `path:line: why`. */
  readonly faults: readonly string[];
  /** What was looked at on the way: if one of them changes, the list may have. */
  readonly looked: readonly string[];
}

/** Of all files of a list together. */
const maxBytes = 4 * 1024 * 1024;
const maxLines = 100_000;
/** Files and folders that a list includes, and how deep. */
const maxFiles = 100;
const maxDepth = 10;

/**
 * Reads a list. @param name an absolute path, or a name looked for in the folders; with "/" at its end, a folder whose
 * plain files are the list @throws Error if it cannot be used as a whole
 */
export function readList(name: string, folders: readonly string[]): ListText {
  return new Reading(folders).read(name);
}

/** The text of a file: UTF-8, or Latin-1 where it cannot be that. */
export function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString("latin1");
  }
}

/** Which version of a file is at a path: changes with its content, owner and rights. "" if none is. */
export function versionOf(path: string): string {
  try {
    const facts = statSync(path, { throwIfNoEntry: false });
    return facts === undefined ? "" : `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeMs}:${facts.ctimeMs}`;
  } catch (error) {
    return errorCode(error) || "error";
  }
}

/** One reading of one list with all that it includes. */
class Reading {
  readonly #folders: readonly string[];
  readonly #entries: ListEntry[] = [];
  readonly #faults: string[] = [];
  readonly #looked = new Set<string>();
  /** Files that are being read, from the list's own inwards. */
  readonly #open: string[] = [];
  #bytes = 0;
  #lines = 0;

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  read(name: string): ListText {
    const path = this.#find(name, this.#folders);
    const files = path === undefined ? [] : path.endsWith("/") ? this.#plainFiles(path) : [path];
    for (const file of files) {
      this.#readFile(file);
    }
    return { entries: this.#entries, path, faults: this.#faults, looked: [...this.#looked] };
  }

  #find(name: string, folders: readonly string[]): string | undefined {
    const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
    return candidates.find((candidate) => this.#look(candidate) !== undefined);
  }

  #look(path: string): Stats | undefined {
    this.#looked.add(path);
    if (this.#looked.size > maxFiles) {
      throw new RangeError(`Cannot read list: more than ${maxFiles} files`);
    }
    return statSync(path, { throwIfNoEntry: false });
  }

  #readFile(path: string): void {
    const facts = this.#look(path);
    this.#bytes += facts?.size ?? 0;
    // A pipe or device could block every session.
    if (facts?.isFile() !== true || this.#bytes > maxBytes) {
      throw new RangeError(
        `Cannot read "${path}": not a plain file of at most ${maxBytes} bytes, with what it includes`,
      );
    }
    const lines = decodeText(readFileSync(path)).split(/\r?\n/);
    // The line ending of the last line begins no other one.
    this.#lines += lines.at(-1) === "" ? lines.length - 1 : lines.length;
    if (this.#lines > maxLines) {
      throw new RangeError(`Cannot read "${path}": more than ${maxLines} lines`);
    }
    this.#open.push(path);
    for (const [i, line] of lines.entries()) {
      this.#take(line.trim(), path, i + 1);
    }
    this.#open.pop();
  }

  #take(text: string, path: string, line: number): void {
    const included = /^\$include(?:\s+(.*))?$/.exec(text);
    if (included !== null) {
      this.#include(included[1] ?? "", path, line);
    } else if (text !== "" && !text.startsWith("#")) {
      this.#entries.push({ text, path, line });
    }
  }

  /** A list that is not there leaves out its line; one that includes itself makes no list at all. */
  #include(name: string, path: string, line: number): void {
    const at = `${path}:${line}`;
    const target = name === "" ? undefined : this.#find(name, [...this.#folders, dirname(path)]);
    if (target === undefined) {
      this.#faults.push(`${at}: cannot find "${name}"`);
      return;
    }
    const files = this.#look(target)?.isDirectory() === true ? this.#plainFiles(target) : [target];
    for (const file of files) {
      if (this.#open.includes(file)) {
        throw new Error(`${at}: "${file}" includes itself`);
      }
      if (this.#open.length >= maxDepth) {
        throw new Error(`${at}: includes are more than ${maxDepth} deep`);
      }
      this.#readFile(file);
    }
  }

  #plainFiles(folder: string): string[] {
    const names = readdirSync(folder, { withFileTypes: true }).filter((one) => !one.name.startsWith("."));
    return names
      .map(({ name }) => join(folder, name))
      .sort()
      .filter((path) => this.#look(path)?.isFile() === true);
  }
}
