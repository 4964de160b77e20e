/** Rows that differ in little, on their way into the list; many of them in a file, one after another. */
import { readSync } from "node:fs";

import type { Kind } from "../../src/snapshot/format.ts";

/** Rows of a source that differ in nothing but key and entry. */
export interface Group {
  readonly source: number;
  readonly kind: Kind;
  /** See src/snapshot/format.ts. */
  readonly rule: string;
  readonly gone: number;
  /** A JSON object from entries to keys, in UTF-8 if it is not a text; a name that comes twice is two rows. */
  readonly members: string | Buffer;
}

/** Octets that are read at a time. */
const pieceSize = 1 << 16;

/** How groups are in a file: a line for what is common to rows and one for the rows. There is no line feed in JSON. */
export function linesOf({ members, ...alike }: Group): string {
  return `${JSON.stringify(alike)}\n${members.toString()}\n`;
}

/**
 * Reads groups.
 * @param reach up to where the file may be read, given up to where it has been; no farther: that was all
 */
export function* readGroups(file: number, reach: (at: number) => number): Generator<Group> {
  const lines = readLines(file, reach);
  for (const head of lines) {
    const alike: Omit<Group, "members"> = JSON.parse(head.toString());
    yield { ...alike, members: lines.next().value ?? "{}" };
  }
}

function* readLines(file: number, reach: (at: number) => number): Generator<Buffer, undefined> {
  const piece = Buffer.alloc(pieceSize);
  let rest: Buffer = Buffer.alloc(0);
  for (let [at, to] = [0, 0]; (to = reach(at)) > at;) {
    const count = readSync(file, piece, 0, Math.min(pieceSize, to - at), at);
    if (count === 0) {
      throw new Error("The scratch file is shorter than it was");
    }
    at += count;
    const octets = Buffer.concat([rest, piece.subarray(0, count)]);
    let start = 0;
    for (let end = 0; (end = octets.indexOf("\n", Math.max(start, rest.length))) >= 0; start = end + 1) {
      yield octets.subarray(start, end);
    }
    rest = octets.subarray(start);
  }
  return undefined;
}
