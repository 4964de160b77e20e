/** How many sessions the descriptors of this process are enough for. Linux tells in /proc. */
import { readFileSync } from "node:fs";

/** Descriptors that are not sessions: log, snapshot, listeners, plugins, name servers. */
const others = 100;
/** A session may hold a socket to its client and one to the next hop; as many clients again may be on their way out. */
const perSession = 3;
/** Sessions that there are in any case. */
const least = 10;

/** What this process may open; infinite where that is not known. */
function allowed(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * How many sessions there may be at a time. Beyond what the descriptors allow, the kernel's clients would be dropped
 * without a word in the log, those that are served would not reach their next hop, and a new snapshot not be opened.
 * @param wanted as configured
 */
export function affordableSessions(wanted: number): number {
  return Math.min(wanted, Math.max(least, Math.floor((allowed() - others) / perSession)));
}

/** What is too little, in words; undefined where it is enough, or not known. @param sessions at a time */
export function scarceDescriptors(sessions: number): string | undefined {
  const needed = perSession * sessions + others;
  return allowed() >= needed ? undefined : `${allowed()} allowed, ${needed} may be needed`;
}
