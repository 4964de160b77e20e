/** How many sessions and lookups the descriptors of this process are enough for, from /proc on Linux. */
import { readFileSync } from "node:fs";

/** Descriptors that are not sessions: log, snapshot, listeners, plugins, name servers. */
const others = 100;
/** Shares of the rest: sessions; clients that are rejected and have not closed. What is left is for next hops. */
const sessionShare = 0.6;
const refusedShare = 0.15;
/** Of what is free, for connections of `[[lookup]]` where there are sessions too, and where there are none. */
const lookupShare = 0.25;
const onlyLookups = 0.9;
/** Sessions that there are in any case. */
const least = 10;

/** What a process may open; infinite where that is not known. @param pid undefined: this one */
export function allowedDescriptors(pid?: number): number {
  try {
    const limits = readFileSync(`/proc/${pid ?? "self"}/limits`, "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Connections that there may be at a time. */
export interface Affordable {
  readonly sessions: number;
  /** Refused clients on their way out. */
  readonly refused: number;
  readonly lookups: number;
}

/**
 * How many sessions, refused clients on their way out, and connections of lookups there may be at a time. Beyond what the
 * descriptors allow, libuv drops clients without telling the program, those that are served do not reach their next hop,
 * and no new snapshot can be opened.
 * @param wanted sessions, as configured
 * @param lookups connections of lookups, as configured
 */
export function affordable(wanted: number, lookups = 0): Affordable {
  const free = allowedDescriptors() - others;
  const atMost = (count: number, room: number): number => Math.min(count, Math.max(least, Math.floor(room)));
  const asking = atMost(lookups, free * (wanted === 0 ? onlyLookups : lookupShare));
  return {
    sessions: atMost(wanted, (free - asking) * sessionShare),
    refused: atMost(wanted, (free - asking) * refusedShare),
    lookups: asking,
  };
}

/** How many connections of lookups there may be after a reload: more only where sessions leave them room. */
export function affordableLookups({ sessions, refused, lookups }: Affordable, wanted: number): number {
  return Math.min(wanted, Math.max(lookups, allowedDescriptors() - others - 2 * sessions - refused));
}

/**
 * How many a process may come to need.
 * @param sessions at a time; each may hold one socket to its client and one to the next hop
 * @param lookups connections of lookups at a time
 */
export function neededDescriptors(sessions: number, lookups: number): number {
  return 2 * sessions + lookups + others;
}

/** What is too little, in words; undefined if it is enough, or not known. As {@link neededDescriptors}. */
export function scarceDescriptors(sessions: number, lookups = 0): string | undefined {
  const needed = neededDescriptors(sessions, lookups);
  const most = allowedDescriptors();
  return most >= needed ? undefined : `${most} allowed, ${needed} may be needed`;
}
