/** Warnings about `[snapshot] canary`: who waits for nobody, and a sync that hears of no canary. */
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** What it cannot do as it is set. */
export function canaryWarnings({ snapshot, sync, source, guard }: Settings): Warning[] {
  if (snapshot.canary === 0) {
    return [];
  }
  const canary = ["snapshot", "canary"];
  const all: readonly (readonly [isOdd: boolean, path: readonly PropertyKey[], message: string])[] = [
    [
      snapshot.canary >= snapshot.max_age,
      canary,
      "is not shorter than max_age: a snapshot is out of date when its time comes",
    ],
    [
      source.length > 0 && (!guard.traffic || sync.traffic.length === 0),
      canary,
      "needs [sync] traffic and [guard] traffic: without the counts of relays that do not wait, sync takes no snapshot back",
    ],
    [
      source.length > 0 && sync.keep === 0,
      ["sync", "keep"],
      "is 0: with [snapshot] canary there is then no snapshot to go back to",
    ],
  ];
  return all.flatMap(([isOdd, path, message]) => (isOdd ? [{ path, message }] : []));
}
