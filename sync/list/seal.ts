/** The seal of a snapshot file, see src/snapshot/format.ts: computed, written, compared. Files are read in pieces. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

import { hashFile } from "../../src/snapshot/content-hash.ts";
import { sealOffset, sealWithin, unsealed } from "../../src/snapshot/format.ts";

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

function digestFile(file: number): { readonly at: number; readonly seal: string; readonly digest: string } {
  const { head, hash } = hashFile(file, false);
  const at = sealOffset(head);
  return { at, seal: at < 0 ? "" : head.toString("latin1", at, at + unsealed.length), digest: hash.seal() ?? "" };
}
