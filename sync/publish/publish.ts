/**
 * Puts a finished file in the snapshot's place: sealed, fsynced, renamed, the folder fsynced. At every moment the
 * target is the complete old file or the complete new one. docs/design.md "The snapshot".
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

import type { Log } from "../../src/report/log.ts";
import { putInPlace } from "../../src/files/replace.ts";
import { sealFile } from "../list/seal.ts";
import { giveOwner } from "./owner.ts";
import { notePast } from "./past.ts";
import type { PastOptions } from "./past.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** Readable by the relay's group, writable by sync alone. */
const mode = 0o640;

/** How the old file is treated. */
export interface PublishOptions {
  /** Old files that stay as NAME.1 … NAME.N. */
  readonly keep: number;
  /** Whether the old file is good: only good ones are worth keeping. */
  readonly keepOld: boolean;
  /** Differences to the old file; not given: none are kept. */
  readonly past?: PastOptions;
  readonly log: Log;
  /** Signs the new file. */
  readonly sign?: ((file: number) => void) | undefined;
}

/**
 * Replaces the snapshot.
 * @throws what the file system throws; then the target is untouched, and the new file is still where it was
 */
export function publishSnapshot(newPath: string, path: string, options: PublishOptions): void {
  finishFile(newPath, path, options.sign);
  if (options.past !== undefined && existsSync(path)) {
    notePast(path, newPath, options.keepOld, options.past, options.log);
  }
  if (options.keepOld) {
    keepOldFile(path, options);
  }
  putInPlace(newPath, path);
  removeSurplus(path, options.keep);
}

/** Owner, mode, seal and fsync: by one descriptor, so that root follows no link that the folder's owner put there. */
function finishFile(newPath: string, path: string, sign: PublishOptions["sign"]): void {
  const file = openSync(newPath, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    giveOwner(file, path);
    fchmodSync(file, mode);
    sign?.(file);
    sealFile(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Gives the old file the name NAME.1 as a second name; the ones before move up by one. */
function keepOldFile(path: string, { keep, log }: PublishOptions): void {
  if (keep === 0 || isSameFile(path, `${path}.1`)) {
    return;
  }
  try {
    for (let age = keep - 1; age >= 1; age -= 1) {
      if (statSync(`${path}.${age}`, { throwIfNoEntry: false }) !== undefined) {
        renameSync(`${path}.${age}`, `${path}.${age + 1}`);
      }
    }
    rmSync(`${path}.1`, { force: true });
    linkSync(path, `${path}.1`);
  } catch (error) {
    // A file system without hard links, or fs.protected_hardlinks: the new list matters more.
    log.warning("sync", "cannot keep the previous snapshot", {
      detail: errorMessage(error),
    });
  }
}

/** A run that was killed between link and rename leaves the current file as NAME.1 already. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((name) => statSync(name, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Kept files beyond the number that is wanted now. */
function removeSurplus(path: string, keep: number): void {
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const age =
      name.startsWith(prefix) && /^[1-9]\d{0,2}$/.test(name.slice(prefix.length))
        ? Number(name.slice(prefix.length))
        : 0;
    if (age > keep) {
      rmSync(join(dirname(path), name), { force: true });
    }
  }
}
