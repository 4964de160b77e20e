/** How many sessions the descriptors of this process are enough for. Linux tells in /proc. */
import { readFileSync } from "node:fs";

/** Descriptors that are not sessions: log, snapshot, listeners, plugins, name servers. */
const others = 100;
/** Shares of the rest: sessions; sockets of clients, with those on their way out. What is left is for next hops. */
const sessionShare = 0.6;
const socketShare = 0.75;
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
 * How many sessions, and sockets of clients, there may be at a time. Beyond what the descriptors allow, libuv drops
 * clients without a word to us, those that are served do not reach their next hop, and no new snapshot can be opened.
 * @param wanted sessions, as configured
 */
export function affordable(wanted: number): { readonly sessions: number; readonly sockets: number } {
  const free = allowed() - others;
  return {
    sessions: Math.min(wanted, Math.max(least, Math.floor(free * sessionShare))),
    // Sessions that are turned away or wait for the client's FIN hold a descriptor for some seconds as well.
    sockets: Math.min(2 * wanted, Math.max(2 * least, Math.floor(free * socketShare))),
  };
}

/**
 * What is too little, in words; undefined where it is enough, or not known.
 * @param sessions at a time; each may hold one socket to its client and one to the next hop
 */
export function scarceDescriptors(sessions: number): string | undefined {
  const needed = 2 * sessions + others;
  return allowed() >= needed ? undefined : `${allowed()} allowed, ${needed} may be needed`;
}
