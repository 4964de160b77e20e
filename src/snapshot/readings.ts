/** Readings of the published file: as a copy that processes share where it is large and there may be one, else in memory. */
import type { Log } from "../report/log.ts";
import type { Copies, CopyReading } from "./copies.ts";
import { readSnapshot, readSnapshotNow, statSnapshot } from "./file.ts";
import type { FileReading, Seen, SeenFile } from "./file.ts";
import type { Trust } from "./trust.ts";

/** A good file or a bad one; "busy": another process is making the copy, and it is to be looked for again. */
export type Reading = FileReading | Exclude<CopyReading, { readonly kind: "failed" }>;

/** Where and how it is read. */
export interface ReadingOptions {
  readonly path: string;
  /** Files of so many bytes are large. */
  readonly largeFrom: number;
  /** Undefined: each process has large ones in its own memory too. */
  readonly copies: Copies | undefined;
  readonly log: Log;
}

/** While the process waits. */
export function readNow(options: ReadingOptions, trust: Trust): Reading {
  const { path } = options;
  const seen = statSnapshot(path);
  const copy = isLarge(seen, options) ? options.copies?.takeNow(path, seen, trust) : undefined;
  return usable(copy, options) ?? readSnapshotNow(path, trust);
}

/** Without making the sessions wait. @param seen what was at the path just now */
export async function readLater(options: ReadingOptions, seen: Seen, trust: Trust): Promise<Reading> {
  const { path, largeFrom } = options;
  const copy = isLarge(seen, options) ? await options.copies?.take(path, seen, trust) : undefined;
  return usable(copy, options) ?? readSnapshot(path, largeFrom, trust);
}

function isLarge(seen: Seen, { largeFrom }: ReadingOptions): seen is SeenFile {
  return seen.kind === "file" && seen.size >= largeFrom;
}

/** Undefined if there can be no copy: the file is read into memory then, which needs no folder. */
function usable(reading: CopyReading | undefined, { path, log }: ReadingOptions) {
  if (reading?.kind === "failed") {
    const { why } = reading;
    log.warning("snapshot", "no shared copy, keeping the snapshot in this process's memory", { path, why });
    return undefined;
  }
  return reading;
}
