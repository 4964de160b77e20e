/** The history for who asks again and again: a kept list never changes, so each is read once. */
import { statSync } from "node:fs";

import { filesOf, readList, unreadOf } from "./history.ts";
import type { History, KeptList, Unread } from "./history.ts";

/** What is known so far. */
export interface HistorySoFar extends History {
  /** Older lists that are not read yet. */
  readonly left: number;
}

export class HistoryReader {
  #known = new Map<string, KeptList>();

  /**
   * Reads what is kept beside a snapshot, newest first.
   * @param patience ms; lists that are not read by then are left to the next time
   */
  read(path: string, patience: number): HistorySoFar {
    const end = performance.now() + patience;
    const files = filesOf(path);
    const known = new Map<string, KeptList>();
    const lists: KeptList[] = [];
    const damaged: Unread[] = [];
    let left = 0;
    for (const { name, file } of files) {
      const identity = identityOf(file);
      const before = this.#known.get(identity);
      if (before === undefined && performance.now() > end) {
        left += 1;
        continue;
      }
      const kept = before ?? readList(file, name);
      if (typeof kept === "string") {
        damaged.push(unreadOf(name, file, kept));
      } else {
        known.set(identity, kept);
        // It has another name after each sync.
        lists.push({ ...kept, name, path: file });
      }
    }
    this.#known = known;
    return { lists, damaged, left };
  }
}

/** Of a file that is renamed and replaced, never written to. */
function identityOf(path: string): string {
  const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? path : `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeNs}`;
}
