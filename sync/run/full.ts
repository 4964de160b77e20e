/** One run of the sync: lock, read, freeze what failed, build, guard, publish. docs/design.md promise 3. */
import { guards } from "../../src/files/sync-notes.ts";
import type { GuardName } from "../../src/files/sync-notes.ts";
import type { Log } from "../../src/report/log.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";
import { runAlone } from "./alone.ts";
import { runAside } from "./aside.ts";
import { buildSnapshot } from "../list/build.ts";
import type { Grace } from "../list/build.ts";
import { compareSnapshots } from "../list/changes.ts";
import type { Changes } from "../list/changes.ts";
import { EarlyList } from "../list/early.ts";
import { freeze, refuseUnread } from "../judge/freeze.ts";
import { removeForeign } from "../publish/kept.ts";
import { logOutcome } from "../outcome.ts";
import type { SyncOutcome } from "../outcome.ts";
import { openPrevious } from "../list/previous.ts";
import type { Previous } from "../list/previous.ts";
import { protectScratch, protectSource, refuseCarryOver, unprotected } from "../publish/protect.ts";
import { hearAll, readSources } from "../read/read.ts";
import type { ReadResult } from "../read/read.ts";
import { createScratch } from "../read/scratch.ts";
import type { Scratch } from "../read/scratch.ts";
import { temporaryName } from "../list/temporary.ts";
import { continueList, hasSameRows, haveSameRules } from "../list/unchanged.ts";
import { noteLook } from "../list/looked.ts";
import { mayStay } from "../list/unwritten.ts";
import { runDeadline } from "./job.ts";
import type { JobOptions } from "./job.ts";
import { factsOf, judgeList, originOf, placeList } from "./new-list.ts";
import type { NewList } from "./new-list.ts";
import { judgeTraffic } from "./traffic.ts";
import type { TrafficJudgement } from "./traffic.ts";

export { runDeadline } from "./job.ts";
export type { JobOptions } from "./job.ts";
export type { JobFacts, SyncOutcome } from "../outcome.ts";

/** Runs once. Every failure is an outcome; whatever it is, no temporary file is left. */
export async function runSync(options: JobOptions): Promise<SyncOutcome> {
  const { path, log, dryRun } = options;
  const run = (workPath: string): Promise<SyncOutcome> => runLocked(options, workPath);
  return logOutcome(log, await (dryRun === true ? runAside(run) : runAlone(path, log, () => run(path))));
}

/** @param workPath beside which temporary files are */
async function runLocked(options: JobOptions, workPath: string): Promise<SyncOutcome> {
  const { path, log } = options;
  const { previous, damage } = openPrevious(path, options.settings.keep);
  if (damage !== undefined) {
    log.error("sync", "the previous snapshot is damaged", { path, detail: damage, instead: previous?.path });
  }
  const newPath = temporaryName(workPath, "new");
  const early = new EarlyList(newPath, log, runDeadline);
  let scratch: Scratch | undefined;
  try {
    if (previous?.held !== undefined && options.dryRun !== true) {
      return { kind: "held", why: heldText(previous.held) };
    }
    scratch = createScratch((purpose) => temporaryName(workPath, purpose), early);
    return await runWith(options, { scratch, early, newPath }, previous);
  } finally {
    await early.close();
    scratch?.close();
    previous?.close();
  }
}

/** Where the list is made. */
interface Work {
  readonly scratch: Scratch;
  readonly early: EarlyList;
  /** Of the file that is to be the list. */
  readonly newPath: string;
}

async function runWith(options: JobOptions, work: Work, previous: Previous | undefined): Promise<SyncOutcome> {
  const { scratch } = work;
  const { sources, now, protection = unprotected } = options;
  const startedAt = now();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(runDeadline)]);
  const results = await readSources(sources, { ...options, signal, scratch: protectScratch(scratch, protection) });
  try {
    return await conclude({ results, previous, startedAt }, work, options, signal);
  } finally {
    await hearAll(results);
  }
}

/** Makes the list of what was read, judges it, and puts it in its place. */
async function conclude(
  { results, previous, startedAt }: Omit<Read, "rows" | "filled">,
  work: Work,
  options: JobOptions,
  signal: AbortSignal,
): Promise<SyncOutcome> {
  const { scratch, early } = work;
  const { sources, now, protection = unprotected } = options;
  const refusal =
    refuseUnread(results, previous, options.acceptMissing) ?? refuseCarryOver(results, previous, protection);
  if (refusal !== undefined) {
    return { kind: "failed", why: refusal };
  }
  const rows = sources.map((source, index) => freeze(source, index + 1, results[index], scratch, previous));
  resolveSenders(scratch, options.log);
  scratch.finish();
  const filled = await early.finish();
  signal.throwIfAborted();
  const made = makeList({ results, rows, previous, startedAt, filled }, work, options);
  const { list, changes } = made;
  const facts = factsOf(results, list.built, changes, (now() - startedAt) / 1000);
  const { published, ...judged } = await judgeAll(list, options, signal);
  if (judged.reasons.length > 0) {
    return { kind: "refused", ...judged, facts };
  }
  if (options.dryRun === true) {
    return { kind: "dry-run", facts };
  }
  signal.throwIfAborted();
  made.place();
  published();
  return { kind: "published", facts: { ...facts, stays: made.stays, seconds: (now() - startedAt) / 1000 } };
}

/** What was read. */
interface Read {
  readonly results: readonly ReadResult[];
  readonly rows: readonly SourceRow[];
  readonly previous: Previous | undefined;
  readonly startedAt: number;
  /** How many rows the list has already, which are all; undefined: there is no list. */
  readonly filled: number | undefined;
}

/** The new list, which is the previous one where that may stay. */
interface MadeList {
  readonly list: NewList;
  readonly changes: Changes;
  readonly stays: boolean;
  /** Puts it where relays read it. */
  place(): void;
}

function makeList(
  { results, rows, previous, startedAt, filled }: Read,
  { scratch, newPath }: Work,
  options: JobOptions,
): MadeList {
  const { path, protection = unprotected } = options;
  // Lists under different keys have nothing to compare, and nothing to keep.
  const comparable = previous?.mark === protection.form?.mark ? previous : undefined;
  const kept = { grace: graceFor(comparable, results, options), ...originOf(previous, options, startedAt) };
  const told = { ...kept, sources: rows.map((row) => protectSource(row, protection)) };
  const built = buildSnapshot(newPath, scratch, told, filled);
  const isUnchanged = comparable !== undefined && hasRowsOf(comparable, newPath, rows);
  if (isUnchanged && options.dryRun !== true && staysWritten(comparable, told, options)) {
    const list = { path, built, rows, previous, isUnchanged };
    return { list, changes: none, stays: true, place: () => noteLook(path, comparable.created, told.sources) };
  }
  const changes = isUnchanged ? none : compareSnapshots(newPath, comparable?.path, options.tell);
  const list = { path: newPath, built, rows, previous, isUnchanged };
  return { list, changes, stays: false, place: () => replaceList(newPath, comparable, changes, options) };
}

/** By what is in the list, and by who gets mail. */
async function judgeAll(
  list: NewList,
  options: JobOptions,
  signal: AbortSignal,
): Promise<TrafficJudgement & { readonly guards: readonly GuardName[] }> {
  const { reasons: byTraffic, published } = await judgeTraffic(list.path, list.previous, options, signal);
  const byList = judgeList(list, options);
  const speaking = { list: byList.length > 0, traffic: byTraffic.length > 0 };
  return { reasons: [...byList, ...byTraffic], guards: guards.filter((name) => speaking[name]), published };
}

function resolveSenders(scratch: Scratch, log: Log): void {
  const open = scratch.resolveRules();
  if (open > 0) {
    log.warning("sync", "accepted senders not resolved, recipients left unrestricted", { rules: open });
  }
}

/** Of a list with the rows of the previous one: rules are the same too. */
const none: Changes = { added: 0, removed: 0 };

/** Whether the new list has just the rows of the previous one. */
function hasRowsOf({ path, sources }: Previous, newPath: string, rows: readonly SourceRow[]): boolean {
  const names = [...sources.keys()];
  return (
    names.length === rows.length && rows.every(({ name }, index) => name === names[index]) && hasSameRows(newPath, path)
  );
}

/** Whether the file of a list with the same rows stays as it is. */
function staysWritten(
  previous: Previous,
  { sources, version, directories }: { sources: readonly SourceRow[]; version: string; directories: readonly number[] },
  { path, protection = unprotected, rewriteAfter = 0, now }: JobOptions,
): boolean {
  const statement = { path, sources, version, signer: protection.signer, directories };
  return mayStay(previous, statement, now(), rewriteAfter);
}

/** @param comparable the previous list, if it has the same keys */
function replaceList(newPath: string, comparable: Previous | undefined, changes: Changes, options: JobOptions): void {
  const { path, protection, log } = options;
  const isSame =
    comparable !== undefined &&
    (changes === none || (changes.added + changes.removed === 0 && haveSameRules(newPath, comparable.path)));
  if (isSame) {
    continueList(newPath, comparable);
  }
  placeList(newPath, options, comparable?.path === path && !isSame);
  if (protection?.form !== undefined) {
    removeForeign(path, protection.form.mark, log);
  }
}

/** Why a list on hold is not replaced. */
export function heldText(held: string): string {
  return `The list is on hold since ${held}. To let syncs replace it again, run \`goodmailto rollback --release\``;
}

/** Only a source that was read can say that a key vanished. */
function graceFor(
  previous: Previous | undefined,
  results: readonly ReadResult[],
  { grace = 0, now }: JobOptions,
): Grace | undefined {
  const sources = results.flatMap(({ name, fault }, index) => (fault === "" ? [{ id: index + 1, name }] : []));
  return previous === undefined || grace === 0
    ? undefined
    : { path: previous.path, sources, now: now(), oldest: now() - grace };
}
