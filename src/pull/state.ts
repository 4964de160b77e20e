/**
 * What a pull remembers for the next one: which version it has, which one it has begun, how new the newest was; and for
 * those who look after the relay, how many pulls failed of late.
 */
import { valueAt } from "../config/shape.ts";
import { readJsonFile } from "../files/json-file.ts";
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
  /** ETag of the file that was refused last; "" is none. */
  readonly refusedEtag: string;
  /** By which keys and `match`, as a hash; others may take it. */
  readonly refusedBy: string;
  /** When it was downloaded, ms since 1970. */
  readonly refusedAt: number;
  readonly refusedWhy: string;
  /** Consecutive pulls that brought nothing that could be used. */
  readonly failures: number;
  /** The first of them, ms since 1970; 0 is none. */
  readonly since: number;
  /** What the last of them said. */
  readonly why: string;
}

const maxEtag = 500;
export const maxWhy = 500;

/** The file of a snapshot. */
export function pullStatePath(snapshotPath: string): string {
  return `${snapshotPath}.pull`;
}

/** Reads it; another program's file is as if it were missing. */
export function readState(path: string, url: string): PullState {
  const none: PullState = {
    ...{ url, etag: "", partEtag: "", file: "", newest: 0 },
    ...{ refusedEtag: "", refusedBy: "", refusedAt: 0, refusedWhy: "" },
    ...{ failures: 0, since: 0, why: "" },
  };
  try {
    const read = readJsonFile(path);
    const text = (key: keyof PullState): string => {
      const value = valueAt(read, [key]);
      return typeof value === "string" && value.length <= maxEtag ? value : "";
    };
    const number = (key: keyof PullState): number => {
      const value = valueAt(read, [key]);
      return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
    };
    const newest = number("newest");
    const failed = { failures: number("failures"), since: number("since"), why: text("why") };
    const refused = {
      ...{ refusedEtag: text("refusedEtag"), refusedBy: text("refusedBy") },
      ...{ refusedAt: number("refusedAt"), refusedWhy: text("refusedWhy") },
    };
    return valueAt(read, ["url"]) === url
      ? { url, etag: text("etag"), partEtag: text("partEtag"), file: text("file"), newest, ...refused, ...failed }
      : { ...none, newest };
  } catch {
    return none;
  }
}

/** Writes all of it. @throws what the file system throws */
export function writeState(path: string, state: PullState): void {
  try {
    replaceFile(path, `${JSON.stringify(state)}\n`, { likeFolder: true });
  } catch (error) {
    throw new Error(`Cannot write "${path}": ${errorMessage(error)}`, { cause: error });
  }
}

/**
 * Counts a pull that failed, or forgets those before one that did not.
 * @param why undefined: it did not fail
 * @param now ms since 1970
 * @throws what the file system throws
 */
export function notePull(path: string, url: string, why: string | undefined, now: number): void {
  const state = readState(path, url);
  if (why !== undefined) {
    const since = state.failures === 0 ? now : state.since;
    writeState(path, { ...state, failures: state.failures + 1, since, why: why.slice(0, maxWhy) });
  } else if (state.failures > 0) {
    writeState(path, { ...state, failures: 0, since: 0, why: "" });
  }
}
