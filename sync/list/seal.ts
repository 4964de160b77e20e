/** The seal of a snapshot file, see src/snapshot/format.ts: computed, written, compared. Files are read in pieces. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

import { ContentHash } from "../../src/snapshot/content-hash.ts";
import { sealOffset, sealWithin, unsealed } from "../../src/snapshot/format.ts";

const piece = 1 << 20;

/** Writes the seal into an open file that has none yet. */
export function sealFile(file: number): void {
  const { at, digest } = digestFile(file);
  if (at < 0) {
    throw new Error("Cannot seal the new snapshot: it has no place for it");
  }
  writeSync(file, digest, at, "latin1");
}

/** Whether a file is what was sealed. */
export function judgeSeal(path: string): "whole" | "torn" | "none" {
  const file = openSync(path, "r");
  try {
    const { at, seal, digest } = digestFile(file);
    return at < 0 ? "none" : seal === digest ? "whole" : "torn";
  } finally {
    closeSync(file);
  }
}

/** The seal that a file bears, 64 hex digits, not compared with its bytes; undefined: it has none. @throws what the file system throws */
export function readSeal(path: string): string | undefined {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(sealWithin);
    readSync(file, head, 0, sealWithin, 0);
    const at = sealOffset(head);
    return at < 0 ? undefined : head.toString("latin1", at, at + unsealed.length);
  } finally {
    closeSync(file);
  }
}

/** The head of an open file, and the hashes of all of it. @param wantsSigned whether anybody asks what was signed */
export function hashFile(file: number, wantsSigned: boolean): { readonly head: Buffer; readonly hash: ContentHash } {
  const buffer = Buffer.allocUnsafe(piece);
  const read = (offset: number): Buffer => buffer.subarray(0, readSync(file, buffer, 0, piece, offset));
  const first = read(0);
  const head = Buffer.from(first.subarray(0, sealWithin));
  const hash = new ContentHash(head, wantsSigned);
  hash.update(first.subarray(head.length));
  let offset = first.length;
  for (let next = read(offset); next.length > 0; next = read(offset)) {
    hash.update(next);
    offset += next.length;
  }
  return { head, hash };
}

function digestFile(file: number): { readonly at: number; readonly seal: string; readonly digest: string } {
  const { head, hash } = hashFile(file, false);
  const at = sealOffset(head);
  return { at, seal: at < 0 ? "" : head.toString("latin1", at, at + unsealed.length), digest: hash.seal() ?? "" };
}
