/** How many sessions the descriptors of this process are enough for, from /proc on Linux. */
import { readFileSync } from "node:fs";

/** Descriptors that are not sessions: log, snapshot, listeners, plugins, name servers. */
const others = 100;
/** Shares of the rest: sessions; clients that are rejected and have not closed. What is left is for next hops. */
const sessionShare = 0.6;
const refusedShare = 0.15;
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
 * How many sessions, and refused clients on their way out, there may be at a time. Beyond what the descriptors allow,
 * libuv drops clients without telling the program, those that are served do not reach their next hop, and no new snapshot can
 * be opened.
 * @param wanted sessions, as configured
 */
export function affordable(wanted: number): { readonly sessions: number; readonly refused: number } {
  const free = allowed() - others;
  return {
    sessions: Math.min(wanted, Math.max(least, Math.floor(free * sessionShare))),
    refused: Math.min(wanted, Math.max(least, Math.floor(free * refusedShare))),
  };
}

/**
 * What is too little, in words; undefined if it is enough, or not known.
 * @param sessions at a time; each may hold one socket to its client and one to the next hop
 */
export function scarceDescriptors(sessions: number): string | undefined {
  const needed = 2 * sessions + others;
  const most = allowed();
  return most >= needed ? undefined : `${most} allowed, ${needed} may be needed`;
}
