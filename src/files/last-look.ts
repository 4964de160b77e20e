/**
 * That an unchanged list was found to be that of its sources again, where its file was not written: NAME.looked beside
 * it, which the sync writes (sync/list/looked.ts). What relays go by is in the list alone. Times are ms since 1970.
 */
import { readJsonFile } from "./json-file.ts";

/** What the last look has found out of a source, as a snapshot has it. */
export interface LookedSource {
  readonly readAt: number;
  readonly triedAt: number;
  readonly reached: string;
}

/** What is in the file. */
export interface Looked {
  /** When the list was made, of which it speaks. */
  readonly created: number;
  readonly sources: Readonly<Record<string, LookedSource>>;
}

/** The file's place. */
export function lookPath(snapshotPath: string): string {
  return `${snapshotPath}.looked`;
}

/** What is known beside a list, by source; nothing if the file is of another list, or none. */
export function readLook(path: string, created: number): ReadonlyMap<string, LookedSource> {
  try {
    const read = readJsonFile(lookPath(path));
    return new Map(isLooked(read) && read.created === created ? Object.entries(read.sources) : []);
  } catch {
    return new Map();
  }
}

/** When all sources were found to say what the list says, after it was made; undefined: not since. @param created of the list */
export function lookedAt(path: string, created: number): number | undefined {
  const times = [...readLook(path, created).values()].map(({ readAt }) => readAt);
  const oldest = Math.min(...times);
  return times.length > 0 && oldest > created ? oldest : undefined;
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
