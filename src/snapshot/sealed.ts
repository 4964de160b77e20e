/**
 * A list's file, opened where it is and asked there: for commands, which ask a few questions of many lists. All of its
 * bytes are hashed against its seal, in pieces; none are kept. What holds a file for that is its own descriptor: it is
 * what was hashed as long as neither its size nor its time of change (mtime) is another.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";

import Database from "better-sqlite3";

import { hashFile } from "./content-hash.ts";
import { openFlags, refuseSize, unreadable } from "./file.ts";
import { sealOffset, sealWithin } from "./format.ts";
import { inspectSealed, inspectStructure } from "./inspect.ts";
import type { Flawed } from "./inspect.ts";

/** A file that is replaced under its name while it is read is read again so often. */
const mostTries = 3;

/** The files that a process has hashed and found good: one that it keeps for a while need not hash them again. */
export type Verified = Set<string>;

/** How much is asked of it. */
export interface SealedOptions {
  /** Whether anybody asks what was signed. */
  readonly wantsSigned?: boolean;
  readonly verified?: Verified | undefined;
}

/** A file whose bytes are what was sealed. */
export interface SealedFile extends Disposable {
  readonly database: Database.Database;
  /** Its first bytes. */
  readonly head: Buffer;
  /** What is signed of it; undefined: it is not signed, or nobody asked. */
  readonly signed: Buffer | undefined;
  /** Another one for each file and each change of it; the same under another name. */
  readonly id: string;
  /** Whether it is still what was hashed: only then an answer counts. */
  readonly isSame: () => boolean;
}

/**
 * Opens it. What is wrong with it is the answer, and nothing is open then. A file without a seal has its pages and rows
 * inspected.
 */
export function openSealed(path: string, options: SealedOptions = {}): SealedFile | Flawed {
  for (let tries = 1; ; tries += 1) {
    const opened = openOnce(path, options);
    if (opened !== "replaced") {
      return opened;
    }
    if (tries === mostTries) {
      return { why: "unreadable", detail: "it is replaced again and again" };
    }
  }
}

function openOnce(path: string, options: SealedOptions): SealedFile | Flawed | "replaced" {
  try {
    using stack = new DisposableStack();
    const file = stack.adopt(openSync(path, openFlags), closeSync);
    const stats = fstatSync(file, { bigint: true });
    const id = idOf(stats);
    const refusal = refuseSize(stats)?.flaw;
    if (refusal !== undefined) {
      return refusal;
    }
    const { head, signed, flaw } = hashOpen(file, id, options);
    if (flaw !== undefined) {
      return flaw;
    }
    const database = stack.adopt(new Database(path, { readonly: true, fileMustExist: true, timeout: 0 }), (one) =>
      one.close(),
    );
    database.pragma("query_only = ON");
    const inner = sealOffset(head) < 0 ? inspectStructure(database, head) : undefined;
    // SQLite opens a path, and that may be another file's by now.
    const there = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (there === undefined || idOf(there) !== id) {
      return "replaced";
    }
    if (inner !== undefined) {
      return inner;
    }
    options.verified?.add(id);
    const held = stack.move();
    const isSame = (): boolean => idOf(fstatSync(file, { bigint: true })) === id;
    return { database, head, signed, id, isSame, [Symbol.dispose]: () => held.dispose() };
  } catch (error) {
    return error instanceof Database.SqliteError ? { why: "torn", detail: error.message } : unreadable(error).flaw;
  }
}

/** Hashes all of it, unless that was done before. */
function hashOpen(file: number, id: string, { wantsSigned = false, verified }: SealedOptions) {
  if (verified?.has(id) === true && !wantsSigned) {
    const room = Buffer.alloc(sealWithin);
    return { head: room.subarray(0, readSync(file, room, 0, sealWithin, 0)), signed: undefined, flaw: undefined };
  }
  const { head, size, hash } = hashFile(file, wantsSigned);
  return { head, signed: hash.signed(), flaw: inspectSealed(head, size, hash) };
}

/** Of a file that is renamed and replaced, never written to. */
function idOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}
