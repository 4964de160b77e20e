/** A list file at one path, whose reader wants its lines alone; see list-file.ts. */
import { openList } from "./list-file.ts";
import type { ListFault } from "./list-file.ts";
import type { Watched } from "./watched.ts";

/**
 * Called once when a file vanishes or cannot be read: an event for the log. A file that is missing from the start is
 * informed of by src/compose/list-warnings.ts.
 */
export type ControlFault = ListFault;

/** A list file that is read again when it changes. */
export class ControlFile<T> {
  readonly #list: Watched<T>;

  /**
   * @param path "" is a file that is always missing
   * @param read makes the value from the entries; a missing file has none
   * @param now ms
   */
  constructor(path: string, read: (lines: readonly string[]) => T, now: () => number, fault: ControlFault) {
    this.#list = openList(path, { folders: [], now, fault }, (entries) => read(entries.map(({ text }) => text)));
  }

  /** The value, from the file as it was at most a second ago. */
  current(): T {
    return this.#list.current();
  }
}
