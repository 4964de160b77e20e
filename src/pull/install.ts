/** Puts a downloaded file in the snapshot's place: owner, mode, fsync, rename, the folder fsynced. */
import { closeSync, constants, fchmodSync, fchownSync, fsyncSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";

import { putInPlace } from "../files/replace.ts";

/** Readable by the relay's group. */
const mode = 0o640;

/** Replaces the snapshot. @throws what the file system throws; the snapshot is then what it was */
export function installFile(from: string, path: string): void {
  const file = openSync(from, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const { uid, gid } = statSync(path, { throwIfNoEntry: false }) ?? statSync(dirname(path));
    if (process.getuid?.() === 0) {
      fchownSync(file, uid, gid);
    }
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  putInPlace(from, path);
}
