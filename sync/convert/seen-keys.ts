/** The keys of one entry, each once. Most entries have one or two, for which a set costs more than it saves. */
import type { Key } from "../../src/mail/address.ts";

/** Keys that were seen. */
export interface SeenKeys {
  /** Whether a key comes for the first time; it is seen then. */
  isNew(key: Key): boolean;
}

/** Keys that are compared one by one. */
const maxFew = 8;

/** None so far. */
export function createSeen(): SeenKeys {
  const few: Key[] = [];
  let many: Set<Key> | undefined;
  return {
    isNew(key: Key): boolean {
      if (many === undefined && few.length < maxFew) {
        return !few.includes(key) && few.push(key) > 0;
      }
      many ??= new Set(few);
      return !many.has(key) && many.add(key).size > 0;
    },
  };
}
