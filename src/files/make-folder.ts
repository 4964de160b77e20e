/** Folders that are made together with what is missing above them. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

import { errorCode } from "../report/error-message.ts";

/**
 * Makes a folder; one that is there is left as it is. `recursive` of Node never returns where a file system says ENOENT
 * to a new name, as /proc does.
 * @param mode of each folder that is made
 * @throws NodeJS.ErrnoException; Error if nothing can be made there at all
 */
export function makeFolder(path: string, mode = 0o777): void {
  const above = dirname(path);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const isMissing = errorCode(error) === "ENOENT";
    if (isMissing && above !== path && !existsSync(above)) {
      makeFolder(above, mode);
      makeFolder(path, mode);
    } else if (isMissing) {
      throw new Error(`no folder can be made in "${above}" (ENOENT)`, { cause: error });
    } else if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw error;
    }
  }
}
