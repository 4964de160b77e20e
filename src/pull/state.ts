/** What a pull remembers for the next one: which version it has, which one it has begun, and how new the newest was. */
import { readFileSync } from "node:fs";

import { valueAt } from "../config/shape.ts";
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

/** Reads it; another program's file is as if it were missing. */
export function readState(path: string, url: string): PullState {
  const none: PullState = { url, etag: "", partEtag: "", file: "", newest: 0 };
  try {
    const read: unknown = JSON.parse(readFileSync(path, "utf8"));
    const text = (key: keyof PullState): string => {
      const value = valueAt(read, [key]);
      return typeof value === "string" && value.length <= maxEtag ? value : "";
    };
    const number = valueAt(read, ["newest"]);
    const newest = typeof number === "number" && Number.isSafeInteger(number) ? number : 0;
    return valueAt(read, ["url"]) === url
      ? { url, etag: text("etag"), partEtag: text("partEtag"), file: text("file"), newest }
      : { ...none, newest };
  } catch {
    return none;
  }
}

/** Writes all of it. @throws what the file system throws */
export function writeState(path: string, state: PullState): void {
  try {
    replaceFile(path, `${JSON.stringify(state)}\n`);
  } catch (error) {
    throw new Error(`Cannot write "${path}": ${errorMessage(error)}`, { cause: error });
  }
}
