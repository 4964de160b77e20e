/** To whom a file beside the snapshot belongs. */
import { fchownSync, fstatSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Owner and group of the old file, as far as this process may. The first one that root makes belongs to the folder's owner:
 * else one sync by hand would lock out the service's own user.
 */
export function giveOwner(file: number, path: string): void {
  const first = process.getuid?.() === 0 ? statSync(dirname(path)) : undefined;
  const old = statSync(path, { throwIfNoEntry: false }) ?? first;
  if (old === undefined) {
    return;
  }
  const owners = [
    [fstatSync(file).uid, old.gid],
    [old.uid, old.gid],
  ] as const;
  for (const [uid, gid] of owners) {
    try {
      fchownSync(file, uid, gid);
    } catch {
      // EPERM: this user may not give it away. The mode still lets the relay's own group read it.
      return;
    }
  }
}
