/** Makes files that must not be there yet: complete, or not at all, a full disk included. */
import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";

import { errorCode, errorMessage } from "../report/error-message.ts";
import type { UserNumbers } from "./user.ts";

/** One file to be. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** Whatever the umask says. */
  readonly mode: number;
  /** Left out: who makes it. */
  readonly owner?: UserNumbers | undefined;
}

/**
 * Makes them all, or none: what was made is removed again.
 * @throws Error that names the file; its `code` is EEXIST where something is there already, a link included
 */
export function createFiles(files: readonly NewFile[]): void {
  const made: string[] = [];
  for (const file of files) {
    try {
      createFile(file, made);
    } catch (error) {
      made.forEach((path) => rmSync(path, { force: true }));
      const [code, message] = [errorCode(error), errorMessage(error)];
      throw Object.assign(new Error(`Cannot write "${file.path}": ${message}`, { cause: error }), { code });
    }
  }
}

function createFile({ path, text, mode, owner }: NewFile, made: string[]): void {
  const file = openSync(path, "wx", mode);
  made.push(path);
  try {
    fchmodSync(file, mode);
    if (owner !== undefined) {
      fchownSync(file, owner.uid, owner.gid);
    }
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
