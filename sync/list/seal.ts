/** The seal of a snapshot file, see src/snapshot/format.ts: computed, written, compared. Files are read in pieces. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";

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

function digestFile(file: number): { readonly at: number; readonly seal: string; readonly digest: string } {
  const buffer = Buffer.allocUnsafe(piece);
  const hash = createHash("sha256");
  let at = -1;
  let seal = "";
  for (let offset = 0; ;) {
    const count = readSync(file, buffer, 0, piece, offset);
    if (offset === 0) {
      at = sealOffset(buffer.subarray(0, Math.min(count, sealWithin)));
      if (at >= 0) {
        seal = buffer.toString("latin1", at, at + unsealed.length);
        buffer.write(unsealed, at, "latin1");
      }
    }
    if (count === 0) {
      return { at, seal, digest: hash.digest("hex") };
    }
    hash.update(buffer.subarray(0, count));
    offset += count;
  }
}
