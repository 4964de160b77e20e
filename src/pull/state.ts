/** What a pull remembers for the next one: which version it has, which one it has begun, and how new the newest was. */
import { readFileSync } from "node:fs";

import { errorMessage } from "../report/error-message.ts";
import { replaceFile } from "../files/replace.ts";

/** Beside the snapshot, as NAME.pull. */
export interface PullState {
  /** Where it came from: another address has other versions. */
  readonly url: string;
  /** ETag of the file that was installed; "" is none. */
  readonly etag: string;
  /** ETag of the file that has begun to come; "" is none. */
  readonly partEtag: string;
  /** Inode of the installed file: whoever removed or replaced it wants it again. */
  readonly file: string;
  /** `created` of the newest that was installed, ms since 1970; 0 is none. */
  readonly newest: number;
}

const maxEtag = 500;

/** Reads it; a file that is none of ours is as if it were missing. */
export function readState(path: string, url: string): PullState {
  const none: PullState = { url, etag: "", partEtag: "", file: "", newest: 0 };
  try {
    const read = JSON.parse(readFileSync(path, "utf8")) as Partial<Record<keyof PullState, unknown>>;
    const text = (value: unknown): string => (typeof value === "string" && value.length <= maxEtag ? value : "");
    const newest = typeof read.newest === "number" && Number.isSafeInteger(read.newest) ? read.newest : 0;
    return read.url === url
      ? { url, etag: text(read.etag), partEtag: text(read.partEtag), file: text(read.file), newest }
      : { ...none, newest };
  } catch {
    return none;
  }
}

/** Writes it whole. @throws what the file system throws */
export function writeState(path: string, state: PullState): void {
  try {
    replaceFile(path, `${JSON.stringify(state)}\n`);
  } catch (error) {
    throw new Error(`Cannot write "${path}": ${errorMessage(error)}`, { cause: error });
  }
}
