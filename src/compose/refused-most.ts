/** Who was refused most of late, of the newest events of the journal: what `goodmailto top` shows beside its counters. */
import type { Settings } from "../config/sections.ts";
import { browseJournal } from "../trace/browse.ts";
import { traceBeside } from "./trace-place.ts";

/** How many of a name. */
export interface NameCount {
  readonly name: string;
  readonly count: number;
}

/** Counts of the newest refusals. Times are ms since 1970. */
export interface Refused {
  readonly recipients: readonly NameCount[];
  readonly clients: readonly NameCount[];
  /** Refusals that were counted, and those that only put something off (4xx), from when to when. */
  readonly refused: number;
  readonly deferred: number;
  readonly since: number;
  readonly until: number;
}

/** What is counted: refusals of so many ms, and no more than so many of them. */
const [span, most] = [3_600_000, 2000];
/** ms that reading may take. */
const patience = 250;
/** Names of a list. */
const names = 5;

/** The last hour, or the newest of it; undefined: there is no journal that this user may read. */
export function refusedMost(settings: Settings, now: number): Refused | undefined {
  const place = traceBeside(settings);
  if (typeof place === "string") {
    return undefined;
  }
  const { events, next } = browseJournal(place.folder, {
    ...{ wanted: undefined, kind: "refused", from: undefined },
    ...{ since: now - span, until: now, limit: most, patience },
  });
  const refused = events.filter(({ code = 500 }) => code >= 500);
  return {
    recipients: top(refused.filter(({ stage }) => stage === "rcpt").flatMap(({ recipients }) => recipients)),
    clients: top(refused.map(({ ip }) => ip)),
    refused: refused.length,
    deferred: events.length - refused.length,
    since: next === undefined ? now - span : (events.at(-1)?.at ?? now),
    until: now,
  };
}

function top(all: readonly string[]): NameCount[] {
  return [...Map.groupBy(all, (name) => name)]
    .map(([name, { length }]) => ({ name, count: length }))
    .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, names);
}
