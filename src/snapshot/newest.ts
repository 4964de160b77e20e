/**
 * When the newest signed snapshot was made that was ever taken: an older one is a replay, however well signed.
 * In memory, or in a file as well, for a relay that is restarted.
 */
import { readFileSync } from "node:fs";

import { replaceFile } from "../files/replace.ts";
import { errorMessage } from "../report/error-message.ts";

/** Remembers one time, ms since 1970. It never goes back. */
export interface Newest {
  readonly created: number;
  /** Says that a file of that time was taken. */
  take(created: number): void;
}

/** For the life of the process. */
export function inMemory(): Newest {
  let newest = Number.NEGATIVE_INFINITY;
  return {
    get created() {
      return newest;
    },
    take: (created) => void (newest = Math.max(newest, created)),
  };
}

/**
 * In a file, which is written completely or not at all. Other processes may share it.
 * @param tell is called with the reason if the file could not be written; the time is then kept in memory only
 */
export function inFile(path: string, tell: (why: string) => void): Newest {
  const memory = inMemory();
  return {
    get created() {
      return Math.max(memory.created, readTime(path));
    },
    take(created) {
      memory.take(created);
      if (created <= readTime(path)) {
        return;
      }
      try {
        replaceFile(path, `${created}\n`);
      } catch (error) {
        tell(errorMessage(error));
      }
    },
  };
}

function readTime(path: string): number {
  try {
    const text = readFileSync(path, "utf8").trim();
    return /^\d{1,16}$/.test(text) ? Number(text) : Number.NEGATIVE_INFINITY;
  } catch {
    return Number.NEGATIVE_INFINITY;
  }
}

/** Why a file made then is refused; undefined if it is not. */
export function olderThan(created: number, { created: before }: Newest): string | undefined {
  return created < before
    ? `made ${new Date(created).toISOString()}, and one of ${new Date(before).toISOString()} was taken before`
    : undefined;
}
