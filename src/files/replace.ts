/**
 * The one way to replace a file: written beside it, fsynced, renamed, the folder fsynced. At every moment, a crash of
 * the machine included, a reader sees the old file or the new one, complete.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";

/** Of a new file: a list of addresses is not for everybody. */
const usualMode = 0o640;

/** How the new file is to be. */
export interface ReplaceOptions {
  /** The mode; by default the old file's, and 0640 of a new one. */
  readonly mode?: number | ((old: Stats | undefined) => number);
  /** Name of the file that is written first. If it is there, somebody else is writing: EEXIST. */
  readonly temporary?: string;
  /** Where root makes a new file: the folder's owner gets it, or one run by hand would lock out the service's user. */
  readonly likeFolder?: boolean;
  /** Fail rather than let the old file's owner and group lose it. */
  readonly keepOwner?: boolean;
}

/**
 * Writes it. @param content a function is called when nobody else can be writing, with a `temporary` of one's own
 * @throws what the file system throws; then nothing has changed
 */
export function replaceFile(
  path: string,
  content: Buffer | string | (() => Buffer | string),
  options: ReplaceOptions = {},
): void {
  const temporary = options.temporary ?? `${path}.tmp.${process.pid}`;
  if (options.temporary === undefined) {
    // Left by a process of the same number that was killed.
    rmSync(temporary, { force: true });
  }
  const old = statSync(path, { throwIfNoEntry: false });
  const file = openSync(temporary, "wx", 0o600);
  try {
    writeAll(file, typeof content === "function" ? content() : content);
    giveOwner(file, path, old, options);
    fchmodSync(file, modeOf(old, options.mode));
    fsyncSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  syncFolder(dirname(path));
}

/** Puts a finished file, already fsynced, in the place of another in the same folder. */
export function putInPlace(finished: string, path: string): void {
  renameSync(finished, path);
  syncFolder(dirname(path));
}

/** Makes names in a folder last. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeAll(file: number, content: Buffer | string): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.length;) {
    at += writeSync(file, bytes, at);
  }
}

function modeOf(old: Stats | undefined, mode: ReplaceOptions["mode"]): number {
  return typeof mode === "function" ? mode(old) : (mode ?? (old === undefined ? usualMode : old.mode & 0o777));
}

function giveOwner(file: number, path: string, old: Stats | undefined, options: ReplaceOptions): void {
  const isRoot = process.getuid?.() === 0;
  const owner = old ?? (isRoot && options.likeFolder === true ? statSync(dirname(path)) : undefined);
  const own = fstatSync(file);
  if (owner === undefined || (owner.uid === own.uid && owner.gid === own.gid)) {
    return;
  }
  if (isRoot || options.keepOwner === true) {
    fchownSync(file, owner.uid, owner.gid);
  }
}
