/**
 * Makes one verified copy of the published file, without ever having it in memory: what is hashed is what is written,
 * and what SQLite looks at is the copy.
 */
import { createHash } from "node:crypto";
import { closeSync, fchmodSync, fstatSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { ContentHash } from "./content-hash.ts";
import { filterOf, readFacts } from "./content.ts";
import { identify, openFlags, refuseSize, unreadable } from "./file.ts";
import type { FlawedReading } from "./file.ts";
import { freeBytes } from "./filter.ts";
import { sealWithin } from "./format.ts";
import { inspectContent, inspectDatabase } from "./inspect.ts";
import type { Trust } from "./trust.ts";

/** The copy is there, under the name that belongs to the file's identity. */
export type Made = { readonly kind: "made"; readonly id: string } | FlawedReading;

const pieceSize = 1_048_576;

/** The path of the copy of a file, as these keys judge it. @param id of file.ts */
export function copyName(folder: string, id: string, trust: Trust): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([id, trust]))
    .digest("hex");
  return join(folder, `${digest.slice(0, 32)}.sqlite`);
}

/** Where the facts of a copy stand. */
export function factsPath(copy: string): string {
  return `${copy}.json`;
}

/** Where the filter of its keys stands. */
export function filterPath(copy: string): string {
  return `${copy}.filter`;
}

/** Where this process has a copy that is not complete, so that others wait for it. */
export function partPath(copy: string): string {
  return `${copy}.${process.pid}.part`;
}

/**
 * Makes it. Two processes that do so at once do not disturb each other.
 * @param folder where the copy goes, under the name that belongs to the identity of the file
 * @throws the error of the copy's folder; where the file itself cannot be read, that is the answer
 */
export function makeCopy(path: string, folder: string, trust: Trust): Made {
  let source: number | undefined;
  try {
    source = openSync(path, openFlags);
    const stats = fstatSync(source, { bigint: true });
    const id = identify(stats);
    return refuseSize(stats) ?? copyTo(copyName(folder, id, trust), { source, id, size: Number(stats.size) }, trust);
  } catch (error) {
    if (source === undefined) {
      return unreadable(error);
    }
    throw error;
  } finally {
    if (source !== undefined) {
      closeSync(source);
    }
  }
}

interface SourceFile {
  readonly source: number;
  readonly id: string;
  readonly size: number;
}

function copyTo(copy: string, { source, id, size }: SourceFile, trust: Trust): Made {
  const part = partPath(copy);
  const target = openSync(part, "w", 0o600);
  try {
    const { head, copied, hash } = pour(source, target, size, trust);
    fchmodSync(target, 0o400);
    const flaw =
      inspectContent(head, copied, hash, trust) ??
      inspectDatabase(part, head, trust, (database) => {
        const { bytes } = filterOf(database);
        writeFileSync(filterPath(copy), bytes, { mode: 0o600 });
        freeBytes(bytes);
        writeFileSync(factsPath(copy), JSON.stringify(readFacts(database)), { mode: 0o600 });
      });
    if (flaw !== undefined) {
      return { kind: "flawed", id, flaw };
    }
    renameSync(part, copy);
    return { kind: "made", id };
  } finally {
    closeSync(target);
    rmSync(part, { force: true });
  }
}

/** Copies what is there now, piece by piece. A file that shrinks meanwhile is shorter than its header says. */
function pour(source: number, target: number, size: number, trust: Trust) {
  const piece = Buffer.allocUnsafe(pieceSize);
  const head = Buffer.from(piece.subarray(0, readPiece(source, piece.subarray(0, sealWithin), 0)));
  const hash = new ContentHash(head, trust.publicKeys.length > 0);
  writeWhole(target, head);
  let copied = head.length;
  while (copied < size) {
    const bytes = piece.subarray(0, readPiece(source, piece, copied));
    if (bytes.length === 0) {
      break;
    }
    hash.update(bytes);
    writeWhole(target, bytes);
    copied += bytes.length;
  }
  return { head, copied, hash };
}

/** @returns how many bytes there were; fewer than there is room for only at the end of the file */
function readPiece(source: number, room: Buffer, from: number): number {
  let at = 0;
  for (let count = -1; at < room.length && count !== 0; at += count) {
    count = readSync(source, room, at, room.length - at, from + at);
  }
  return at;
}

function writeWhole(target: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(target, bytes, at);
  }
}
