/** Names of the files that a sync makes beside the snapshot, and their removal when it is over or was killed. */
import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The temporary file of this process for one purpose. In the folder of the snapshot, for rename(2). */
export function temporaryName(path: string, purpose: "scratch" | "people" | "new"): string {
  return `${path}.tmp.${process.pid}.${purpose}`;
}

/**
 * Removes the temporary files of every sync of this snapshot. Only for the holder of its lock: all others are dead,
 * whatever their process ids say (those of a container mean nothing outside).
 * @returns how many there were
 */
export function removeTemporary(path: string): number {
  const prefix = `${basename(path)}.tmp.`;
  const ours = readdirSync(dirname(path)).filter((name) => {
    return name.startsWith(prefix) && /^\d+\.(?:scratch|people|new)(?:-journal)?$/.test(name.slice(prefix.length));
  });
  for (const name of ours) {
    rmSync(join(dirname(path), name), { force: true });
  }
  return ours.length;
}
