/**
 * Folders that the relay writes to, on a file system of another machine. SQLite's write-ahead log needs shared memory,
 * which those do not have (https://www.sqlite.org/wal.html), and a call of the kernel to one that is away returns only
 * when it is there again: no deadline of a process ends it.
 */
import { statfsSync } from "node:fs";

import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";

/** `f_type` of statfs(2), as in linux/magic.h. */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0xff53_4d42, "CIFS"],
  [0xfe53_4d42, "SMB"],
  [0x517b, "SMB"],
  [0x00c3_6400, "Ceph"],
  [0x5346_414f, "AFS"],
  [0x0bd0_0bd0, "Lustre"],
]);

/** Of the folders with databases. @param types names by `f_type` */
export function networkWarnings(
  { state, trace, guard }: Pick<Settings, "state" | "trace" | "guard">,
  types = networkTypes,
): Warning[] {
  const folders = [
    { path: ["state", "folder"], folder: state.folder },
    { path: ["trace", "folder"], folder: trace.keep === 0 ? "" : trace.folder },
    { path: ["guard", "traffic_folder"], folder: guard.traffic ? guard.traffic_folder : "" },
  ];
  return folders.flatMap(({ path, folder }) => {
    const type = folder === "" ? undefined : types.get(typeOf(folder) ?? -1);
    return type === undefined
      ? []
      : [
          {
            path,
            message: `the folder "${folder}" is on another machine (${type}): SQLite needs a local one, and while that machine is away, the relay waits`,
          },
        ];
  });
}

/** Undefined: it is missing, which is said elsewhere. */
function typeOf(folder: string): number | undefined {
  try {
    return statfsSync(folder).type;
  } catch {
    return undefined;
  }
}
