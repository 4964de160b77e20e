/**
 * Incremental sync: asks the sources for what changed since they were read, and adds what is new to the
 * list. It removes nothing, and makes no rule stricter: only a full sync, which sees the whole, does that.
 */
import type { SourceRow } from "../../src/snapshot/format.ts";
import { runAlone } from "./alone.ts";
import { isUnresolved } from "../convert/restrictions.ts";
import { buildSnapshot } from "../list/build.ts";
import { compareSnapshots } from "../list/changes.ts";
import { heldText } from "./full.ts";
import { runDeadline } from "./job.ts";
import type { JobOptions } from "./job.ts";
import { factsOf, judgeList, originOf, placeList } from "./new-list.ts";
import { logOutcome } from "../outcome.ts";
import type { SyncOutcome } from "../outcome.ts";
import { openPrevious } from "../list/previous.ts";
import type { Previous } from "../list/previous.ts";
import { protectScratch, unprotected } from "../publish/protect.ts";
import { readSources } from "../read/read.ts";
import type { ReadResult } from "../read/read.ts";
import { createScratch } from "../read/scratch.ts";
import type { Scratch } from "../read/scratch.ts";
import type { Source } from "../source.ts";
import { temporaryName } from "../list/temporary.ts";
import { continueList } from "../list/unchanged.ts";

/** How an incremental sync ended; "nothing": there was nothing to add, or only a full sync can tell. */
export type DeltaOutcome = SyncOutcome | { readonly kind: "nothing"; readonly why: string };

/**
 * Up to where changes are known by incremental syncs that had nothing to add: they leave the file alone. Kept by a
 * process that stays; by what the file says for a source.
 */
export type Progress = Map<string, { readonly from: string; readonly reached: string }>;

/** Runs once. Every failure is an outcome. */
export async function runDelta(options: JobOptions, progress: Progress = new Map()): Promise<DeltaOutcome> {
  const outcome = await runAlone<DeltaOutcome>(options.path, options.log, () => runLocked(options, progress));
  // A full sync in progress is not a change.
  return outcome.kind === "nothing" || outcome.kind === "busy" ? outcome : logOutcome(options.log, outcome);
}

async function runLocked(options: JobOptions, progress: Progress): Promise<DeltaOutcome> {
  const { previous } = openPrevious(options.path, 0);
  let scratch: Scratch | undefined;
  try {
    const due = previous === undefined ? "there is no valid snapshot" : refuse(previous, options);
    if (previous === undefined || due !== undefined) {
      return { kind: "nothing", why: `a full sync is due: ${due}` };
    }
    if (previous.held !== undefined) {
      return { kind: "held", why: heldText(previous.held) };
    }
    scratch = createScratch((purpose) => temporaryName(options.path, purpose));
    return await runWith(options, scratch, previous, progress);
  } finally {
    scratch?.close();
    previous?.close();
  }
}

/** Why nothing can be added to this list. */
function refuse(previous: Previous, { sources, protection = unprotected }: JobOptions): string | undefined {
  if (previous.mark !== protection.form?.mark) {
    return "the snapshot uses a different HMAC secret";
  }
  const before = [...previous.sources.values()].map(({ name, domains }) => `${name} ${domains}`).join("\n");
  const now = sources.map(({ name, domains }) => `${name} ${domains.join(" ")}`).join("\n");
  if (before !== now) {
    return "the sources are others";
  }
  return [...previous.sources.values()].every(({ reached }) => reached === "")
    ? "the last one did not note up to where changes are known"
    : undefined;
}

async function runWith(
  options: JobOptions,
  scratch: Scratch,
  previous: Previous,
  progress: Progress,
): Promise<DeltaOutcome> {
  const { sources, path, now, protection = unprotected } = options;
  const startedAt = now();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(runDeadline)]);
  const readers = sources.map((source) => changesOf(source, previous, progress));
  const news = lookForNew(scratch, previous);
  const results = await readSources(readers, { ...options, signal, scratch: protectScratch(news.scratch, protection) });
  const rows = sources.map(({ name }, index) => rowOf(name, results[index], previous));
  if (!news.isThere()) {
    for (const { name, reached } of rows) {
      progress.set(name, { from: previous.sources.get(name)?.reached ?? "", reached });
    }
    return { kind: "nothing", why: "nothing is new" };
  }
  scratch.resolveRules();
  for (const [index, { name }] of sources.entries()) {
    for (const old of previous.rowsOf(name)) {
      scratch.add(index + 1, old);
    }
  }
  const newPath = temporaryName(path, "new");
  const built = buildSnapshot(newPath, scratch, { sources: rows, ...originOf(previous, options, startedAt) });
  const changes = compareSnapshots(newPath, previous.path, options.tell);
  // A source that could not be asked keeps its rows: nothing of it is frozen.
  const facts = { ...factsOf(results, built, changes, (now() - startedAt) / 1000), frozen: [] };
  const reasons = judgeList({ path: newPath, built, rows, previous }, options, { acceptShrink: true });
  if (reasons.length > 0) {
    return { kind: "refused", reasons, guards: ["list"], facts };
  }
  signal.throwIfAborted();
  // The list that a full sync made goes on, with more in it: its place among those that are kept is for the next one.
  continueList(newPath, previous);
  placeList(newPath, options, false);
  return { kind: "published", facts };
}

/**
 * The scratch file as sources are to see it, and whether they gave a key that the list lacks, or has with another rule. A row
 * whose rule names entries that are not read now is left out if the list has the key.
 */
function lookForNew(scratch: Scratch, { ruleOf }: Previous) {
  const sources = new Set<number>();
  const add: Scratch["add"] = (source, rows) => {
    const known = (key: string): string | undefined => ruleOf(source, key);
    const kept = rows.filter(({ key, rule = "" }) => !isUnresolved(rule) || known(key) === undefined);
    if (kept.some(({ key, rule = "" }) => known(key) !== "" && known(key) !== rule)) {
      sources.add(source);
    }
    scratch.add(source, kept);
  };
  const drop: Scratch["drop"] = (source) => {
    sources.delete(source);
    scratch.drop(source);
  };
  return { scratch: { ...scratch, add, drop }, isThere: () => sources.size > 0 };
}

/** The source as one that gives only what is new; nothing if it cannot tell. */
function changesOf(source: Source, previous: Previous, progress: Progress): Source {
  const from = previous.sources.get(source.name)?.reached ?? "";
  const known = progress.get(source.name);
  const reached = known?.from === from ? known.reached : from;
  const { name, domains } = source;
  return {
    name,
    domains,
    read: (signal) => (reached === "" ? nothing() : (source.readChanges?.(reached, signal) ?? nothing())),
  };
}

async function* nothing(): AsyncGenerator<never> {
  // Ends at once.
}

/** The source was not read completely: what its last reading gave stays. */
function rowOf(name: string, result: ReadResult | undefined, previous: Previous): SourceRow {
  const old = previous.sources.get(name);
  const reached = result?.reached ?? "";
  return {
    name,
    domains: old?.domains ?? "",
    readAt: old?.readAt ?? 0,
    triedAt: old?.triedAt ?? 0,
    entries: old?.entries ?? 0,
    fault: old?.fault ?? "",
    reached: reached === "" ? (old?.reached ?? "") : reached,
  };
}
