/** Replaces a file in one step: at every moment a reader sees the old one or the new one, whole. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Of a new file: a list of addresses is not for everybody. */
const mode = 0o640;

/** Writes it, with owner and mode of the file of before. @throws what the file system throws; then nothing has changed */
export function replaceFile(path: string, bytes: Buffer): void {
  const temporary = `${path}.tmp.${process.pid}`;
  const old = statSync(path, { throwIfNoEntry: false });
  const file = openSync(temporary, "wx", mode);
  try {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(file, bytes, at);
    }
    if (old !== undefined) {
      fchmodSync(file, old.mode & 0o777);
      if (process.getuid?.() === 0) {
        fchownSync(file, old.uid, old.gid);
      }
    }
    fsyncSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
