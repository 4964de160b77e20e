/** Pushes a snapshot into a folder (a share, a mount): a copy beside the target, fsynced, then renamed. */
import { copyFile, open, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { putInPlace } from "../../src/files/replace.ts";

/** Readable by the group of the folder's reader. */
const mode = 0o640;

/**
 * Copies the file.
 * @param to a folder, in which the file keeps its name, or the name of a file in a folder
 * @throws what the file system throws; the target is then what it was
 */
export async function copyToFolder(path: string, to: string): Promise<void> {
  const target = await fileOf(path, to);
  const temporary = `${target}.tmp.${process.pid}`;
  try {
    await copyFile(path, temporary);
    const file = await open(temporary, "r+");
    try {
      const owner = await stat(target).catch(() => stat(dirname(target)));
      // This user may not give it away: the mode and the folder's own group then decide.
      await file.chown((await file.stat()).uid, owner.gid).catch(() => undefined);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    putInPlace(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What tells the file that is there from any other. @throws what the file system throws */
export async function lookIntoFolder(path: string, to: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(await fileOf(path, to), { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

/** Where the file is in a folder, or by its own name. */
async function fileOf(path: string, to: string): Promise<string> {
  return (await isFolder(to)) ? join(to, basename(path)) : to;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}
