/**
 * That an unchanged list was found to be that of its sources again, where its file was not written: NAME.looked beside
 * it, for the next syncs of this machine. What relays go by is in the list alone. Times are ms since 1970.
 */
import { readFileSync } from "node:fs";

import { replaceFile } from "../../src/files/replace.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";

/** What the last look has found out of a source. */
export type LookedSource = Pick<SourceRow, "readAt" | "triedAt" | "reached">;

/** What is in the file. */
interface Looked {
  /** When the list was made, of which it speaks. */
  readonly created: number;
  readonly sources: Readonly<Record<string, LookedSource>>;
}

const placeOf = (path: string): string => `${path}.looked`;

/** Writes it. @param created of the list @throws what the file system throws */
export function noteLook(path: string, created: number, rows: readonly SourceRow[]): void {
  const sources = Object.fromEntries(
    rows.map(({ name, readAt, triedAt, reached }) => [name, { readAt, triedAt, reached }]),
  );
  replaceFile(placeOf(path), `${JSON.stringify({ created, sources } satisfies Looked)}\n`, { likeFolder: true });
}

/** What is known beside a list, by source; nothing if the file is of another list, or none. */
export function readLook(path: string, created: number): ReadonlyMap<string, LookedSource> {
  try {
    const read: unknown = JSON.parse(readFileSync(placeOf(path), "utf8"));
    return new Map(isLooked(read) && read.created === created ? Object.entries(read.sources) : []);
  } catch {
    return new Map();
  }
}

function isLooked(value: unknown): value is Looked {
  return (
    typeof value === "object" &&
    value !== null &&
    "created" in value &&
    "sources" in value &&
    typeof value.sources === "object" &&
    value.sources !== null &&
    Object.values(value.sources).every(isSource)
  );
}

function isSource(value: unknown): value is LookedSource {
  return (
    typeof value === "object" &&
    value !== null &&
    "readAt" in value &&
    "triedAt" in value &&
    "reached" in value &&
    Number.isSafeInteger(value.readAt) &&
    Number.isSafeInteger(value.triedAt) &&
    typeof value.reached === "string"
  );
}
