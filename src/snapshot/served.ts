/**
 * The list that a relay with `[snapshot] canary` served before it was started again: in a file of its own, or among those
 * that a sync on the same machine keeps. While a new list waits, it is still wanted.
 */
import { copyFile, rename, rm, writeFile } from "node:fs/promises";

import { errorCode, errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import type { Content } from "./content.ts";
import { readSnapshotNow } from "./file.ts";
import { openImage } from "./image.ts";
import type { Image } from "./image.ts";
import type { Trust } from "./trust.ts";

/** Lists beside the snapshot that are looked at: NAME.1, …. */
const mostKept = 9;

/** Opens the list that served before the new one; undefined: there is none. @param before ms since 1970 */
export function findServed(
  { path, file, wait }: { readonly path: string; readonly file: string; readonly wait: number },
  trust: Trust,
  before: number,
  now: number,
): Image | undefined {
  const own = file === "" ? undefined : openGood(file, trust, before);
  const kept = findKept(path, trust, before, (image) => image.held !== undefined || image.since + wait <= now);
  const isOwn = own !== undefined && own.since >= (kept?.since ?? 0);
  (isOwn ? kept : own)?.close();
  return isOwn ? own : kept;
}

/** The newest whose time is over, else the oldest that is kept: it was tried for longest. */
function findKept(path: string, trust: Trust, before: number, isTried: (image: Image) => boolean): Image | undefined {
  let oldest: Image | undefined;
  for (let age = 1; age <= mostKept; age += 1) {
    const kept = openGood(`${path}.${age}`, trust, before);
    if (kept !== undefined) {
      oldest?.close();
      oldest = kept;
      if (isTried(kept)) {
        return kept;
      }
    }
  }
  return oldest;
}

function openGood(path: string, trust: Trust, before: number): Image | undefined {
  const reading = readSnapshotNow(path, trust);
  if (reading.kind === "flawed") {
    return undefined;
  }
  try {
    const image = openImage(reading.bytes, trust);
    if (image.since < before) {
      return image;
    }
    image.close();
  } catch {
    // A list that cannot be opened is none.
  }
  return undefined;
}

/**
 * Keeps a copy of what serves. Rejects never: without one, a relay that is started again takes the new list at once.
 * A folder that is missing is how to live without.
 */
export async function keepServed(content: Content, file: string, log: Log): Promise<void> {
  const temporary = `${file}.tmp.${process.pid}`;
  try {
    await rm(temporary, { force: true });
    await (Buffer.isBuffer(content)
      ? writeFile(temporary, content, { mode: 0o600, flag: "wx", flush: true })
      : copyFile(content.path, temporary));
    await rename(temporary, file);
  } catch (error) {
    const level = errorCode(error) === "ENOENT" ? "debug" : "warning";
    log[level]("snapshot", "served_file not written", { path: file, why: errorMessage(error) });
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
