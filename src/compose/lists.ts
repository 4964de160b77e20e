/** The list files of one check, by `[control] folders`. */
import { findFile, mapFile, openList, openMap } from "../files/list-file.ts";
import type { ListPlace } from "../files/list-file.ts";
import type { Lists } from "../hooks/services.ts";
import type { Log } from "../report/log.ts";

/**
 * @param check under whose name errors are logged
 * @param now ms since 1970
 * @param want is called with the file name of each list and map that is looked for
 */
export function createLists(
  folders: readonly string[],
  check: string,
  log: Log,
  now: () => number,
  want: (name: string) => void = () => undefined,
): Lists {
  const place: ListPlace = { folders, now, fault: (event, facts) => log.warning(check, event, { ...facts }) };
  return {
    list: (name, read) => {
      want(name);
      return openList(name, place, read);
    },
    map: (name) => {
      want(mapFile(name));
      return openMap(name, place);
    },
    path: (name) => findFile(name, folders),
  };
}
