/** Puts the facts of a finished file beside those of the old snapshot, for the guard to judge. */
import type { SyncSettings } from "../../src/config/schema.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";
import type { Built } from "../list/count.ts";
import type { DayCount } from "../remember/day.ts";
import { guard } from "./guard.ts";

import type { Previous } from "../list/previous.ts";
import { catchAllKey, isCatchAll } from "../../src/mail/wildcards.ts";
import { compareTallies, findMissing, tallySnapshot } from "../list/tally.ts";
import type { Canary, Counts } from "../list/tally.ts";

/** `[sync]`, as far as the guard goes by it; what is not given is not asked for. */
export type GuardSettings = Pick<SyncSettings, "max_shrink"> &
  Partial<
    Pick<
      SyncSettings,
      "max_shrink_domain" | "max_shrink_kind" | "min_shrink_number" | "max_shrink_number" | "max_growth"
    >
  >;

/** What judging needs. */
export interface JudgeOptions {
  readonly settings: GuardSettings;
  readonly canaries?: readonly Canary[];
  /** The list within the last 24 hours. */
  readonly day?: DayCount | undefined;
  /** The rows are those of the previous list: no part of it has lost or got any. */
  readonly isUnchanged?: boolean;
  readonly acceptShrink?: boolean;
  readonly acceptGrowth?: boolean;
  /** Domains where a new catch-all is no surprise: the configuration leaves it to the directory. */
  readonly takesCatchAll?: (domain: string) => boolean;
  /** Whole relay domains: among them a hashed list's catch-all is found again. */
  readonly relayDomains?: readonly string[];
}

/**
 * Reasons against publishing the file.
 * @param form of the file's keys, if they are not plain
 */
export function judge(
  newPath: string,
  built: Built,
  rows: readonly SourceRow[],
  previous: Previous | undefined,
  options: JudgeOptions,
  form?: (key: string) => string,
): readonly string[] {
  const { settings, canaries = [], day, acceptShrink = false, acceptGrowth = false, isUnchanged = false } = options;
  const parts =
    previous === undefined || isUnchanged
      ? { domains: [], kinds: [], opened: [], closed: [] }
      : compare(previous.path, newPath);
  const isExpected = expectedCatchAlls(options, form);
  return guard({
    // Of the same rows nothing needs to be counted.
    before: isUnchanged ? built.rows : previous?.rows,
    now: built.rows,
    sources: isUnchanged ? [] : countsOf(rows, built, previous),
    ...parts,
    opened: parts.opened.filter((key) => !isExpected(key)),
    missing: canaries.length === 0 ? [] : findMissing(newPath, canaries, form),
    day,
    acceptShrink,
    acceptGrowth,
    ...limitsOf(settings),
  });
}

/** A source that was not updated has lost nothing, and one without rows was accepted as missing. */
function countsOf(rows: readonly SourceRow[], built: Built, previous: Previous | undefined): Counts[] {
  return rows.flatMap(({ name, fault }, index) =>
    fault === "" ? [{ name, before: previous?.sources.get(name)?.rows, now: built.bySource[index] ?? 0 }] : [],
  );
}

/** Whether a new catch-all is no surprise. A hash names no domain, but that of a relay domain can be made. */
function expectedCatchAlls(
  { takesCatchAll = () => false, relayDomains = [] }: JudgeOptions,
  form: ((key: string) => string) | undefined,
): (key: string) => boolean {
  const hashed = form === undefined ? [] : relayDomains.filter(takesCatchAll).map((one) => form(catchAllKey(one)));
  const expected = new Set(hashed);
  return (key) => (isCatchAll(key) ? takesCatchAll(key.slice(1)) : expected.has(key));
}

/** What became of the old list's domains, kinds and catch-alls. */
function compare(oldPath: string, newPath: string) {
  const [before, now] = [tallySnapshot(oldPath), tallySnapshot(newPath)];
  const comparable = before.mark === now.mark;
  return {
    opened: comparable ? [...now.catchAlls.difference(before.catchAlls)] : [],
    closed: comparable ? [...before.catchAlls.difference(now.catchAlls)] : [],
    // Where one of both is hashed, its domains cannot be determined; then none has been lost.
    domains: now.domains.size === 0 ? [] : compareTallies(before.domains, now.domains),
    kinds: compareTallies(before.kinds, now.kinds),
  };
}

function limitsOf(settings: GuardSettings) {
  return {
    maxShrink: settings.max_shrink,
    maxShrinkDomain: settings.max_shrink_domain ?? 1,
    maxShrinkKind: settings.max_shrink_kind ?? 1,
    minShrinkNumber: settings.min_shrink_number ?? 0,
    maxShrinkNumber: settings.max_shrink_number ?? 0,
    maxGrowth: settings.max_growth ?? Number.POSITIVE_INFINITY,
  };
}
