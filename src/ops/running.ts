/**
 * What running relays have loaded: a small file for each process in one folder, written by the relay and read by
 * `goodmailto check`, which says so where its own answer comes from another configuration or list.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { errorCode, errorMessage } from "../report/error-message.ts";
import { replaceFile } from "../files/replace.ts";
import { isRunning } from "../files/running-process.ts";
import type { Log } from "../report/log.ts";

/** What one process notes. Times are ms since 1970. */
export interface Running {
  readonly pid: number;
  readonly version: string;
  /** Absolute path of the configuration file. */
  readonly config: string;
  /** Of the settings and client rules in use, see src/compose/fingerprint.ts. */
  readonly fingerprint: string;
  /** When the settings were loaded. */
  readonly loaded: number;
  /** When the list in use was made; 0: none is in use. */
  readonly list: number;
}

/** A list that appears is noted within so many ms. */
const lookEvery = 1000;

/** One process's note, kept up to date until it is closed. */
export class RunningNote {
  readonly #path: string;
  readonly #log: Log;
  readonly #list: () => number;
  readonly #timer: NodeJS.Timeout;
  #note: Running;

  /**
   * @param folder must be there and writable, or there is no note
   * @param list when the list in use was made
   */
  constructor(folder: string, note: Omit<Running, "list" | "pid">, list: () => number, log: Log) {
    this.#path = join(folder, `relay-${process.pid}.json`);
    this.#log = log;
    this.#list = list;
    this.#note = { ...note, pid: process.pid, list: list() };
    removeDead(folder);
    this.#write();
    this.#timer = setInterval(() => this.#look(), lookEvery).unref();
  }

  /** New settings are in use. */
  reloaded(fingerprint: string, loaded: number): void {
    this.#note = { ...this.#note, fingerprint, loaded };
    this.#write();
  }

  close(): void {
    clearInterval(this.#timer);
    rmSync(this.#path, { force: true });
  }

  #look(): void {
    const list = this.#list();
    if (list !== this.#note.list) {
      this.#note = { ...this.#note, list };
      this.#write();
    }
  }

  #write(): void {
    try {
      replaceFile(this.#path, Buffer.from(`${JSON.stringify(this.#note)}\n`));
    } catch (error) {
      const [code, message] = [errorCode(error), errorMessage(error)];
      // Without the folder of the systemd unit, there is no note, and nobody misses it.
      const level = ["ENOENT", "EACCES", "EROFS"].includes(code) ? "debug" : "warning";
      this.#log[level]("relay", "cannot record what is loaded", { path: this.#path, why: message });
    }
  }
}

/** Notes of processes that run, in the order of their numbers. One that cannot be read is left out. */
export function readRunning(folder: string): Running[] {
  return notesIn(folder)
    .flatMap((path) => readNote(path) ?? [])
    .filter(({ pid }) => isRunning(pid))
    .toSorted((a, b) => a.pid - b.pid);
}

function notesIn(folder: string): string[] {
  if (folder === "") {
    return [];
  }
  try {
    const names = readdirSync(folder).filter((name) => name.startsWith("relay-") && name.endsWith(".json"));
    return names.map((name) => join(folder, name));
  } catch {
    // It does not exist, or is not for this user.
    return [];
  }
}

/** A process that was killed leaves its note behind. */
function removeDead(folder: string): void {
  for (const path of notesIn(folder)) {
    const note = readNote(path);
    if (note !== undefined && !isRunning(note.pid)) {
      rmSync(path, { force: true });
      rmSync(path.replace(/json$/, "sock"), { force: true });
    }
  }
}

function readNote(path: string): Running | undefined {
  try {
    const note: Partial<Running> = JSON.parse(readFileSync(path, "utf8"));
    const { pid, version = "", config = "", fingerprint = "", loaded = 0, list = 0 } = note;
    return pid === undefined ? undefined : { pid, version, config, fingerprint, loaded, list };
  } catch {
    return undefined;
  }
}
