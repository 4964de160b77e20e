/** One run of the sync: lock, read, freeze what failed, build, guard, publish. docs/design.md promise 3. */
import { hostname } from "node:os";

import type { SyncSettings } from "../../src/config/schema.ts";
import type { Log } from "../../src/report/log.ts";
import type { LeftOut } from "../left-out.ts";
import { runAlone } from "./alone.ts";
import { runAside } from "./aside.ts";
import { buildSnapshot } from "../list/build.ts";
import type { Grace } from "../list/build.ts";
import { compareSnapshots } from "../list/changes.ts";
import { countOfDay } from "../remember/day.ts";
import { readIncident } from "../remember/incident.ts";
import { freeze, refuseUnread } from "../judge/freeze.ts";
import { judge } from "../judge/judge.ts";
import type { GuardSettings, JudgeOptions } from "../judge/judge.ts";
import { removeForeign } from "../publish/kept.ts";
import { logOutcome } from "../outcome.ts";
import type { JobFacts, Outcome } from "../outcome.ts";
import { openPrevious } from "../list/previous.ts";
import type { Previous } from "../list/previous.ts";
import {
  createdAfter,
  protectionMeta,
  protectScratch,
  protectSource,
  refuseCarryOver,
  signFile,
  unprotected,
} from "../publish/protect.ts";
import type { Protection } from "../publish/protect.ts";
import { publishSnapshot } from "../publish/publish.ts";
import { readSources } from "../read/read.ts";
import type { ReadResult } from "../read/read.ts";
import { createScratch } from "../read/scratch.ts";
import type { Scratch } from "../read/scratch.ts";
import type { Source } from "../source.ts";
import { temporaryName } from "../list/temporary.ts";
import { continueList, haveSameRules } from "../list/unchanged.ts";

/** What a run needs. */
export interface JobOptions {
  readonly sources: readonly Source[];
  readonly settings: GuardSettings & Pick<SyncSettings, "keep">;
  /** Addresses that must be in every list. */
  readonly canaries?: NonNullable<JudgeOptions["canaries"]>;
  /** The snapshot file. */
  readonly path: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** ms since 1970. */
  readonly now: () => number;
  /** Of goodmailto, for the snapshot's meta table. */
  readonly version: string;
  readonly protection?: Protection;
  /** A person has said that a loss is right. */
  readonly acceptShrink?: boolean;
  /** A person has said that a growth is right. */
  readonly acceptGrowth?: boolean;
  /** A person has said that a source which never could be read may be left out. */
  readonly acceptMissing?: boolean;
  /** `[recipients] grace`: how long removed keys stay, marked, in ms; 0: they go immediately. */
  readonly grace?: number;
  /** Publish nothing and write nothing beside the snapshot; `tell` is called with every key that would come or go. */
  readonly dryRun?: boolean;
  readonly tell?: (change: "added" | "removed", key: string) => void;
  readonly progress?: (entries: number) => void;
  /** Called with the values that gave no address. */
  readonly leave?: (source: string, left: readonly LeftOut[]) => void;
}

export type { JobFacts, Outcome } from "../outcome.ts";

/** How long a run may take, in ms: whatever hangs, the lock is free for the next one. */
export const runDeadline = 3_600_000;

/** Runs once. Every failure is an outcome; whatever it is, no temporary file is left. */
export async function runSync(options: JobOptions): Promise<Outcome> {
  const { path, log, dryRun } = options;
  const run = (workPath: string): Promise<Outcome> => runLocked(options, workPath);
  return logOutcome(log, await (dryRun === true ? runAside(run) : runAlone(path, log, () => run(path))));
}

/** @param workPath beside which temporary files are */
async function runLocked(options: JobOptions, workPath: string): Promise<Outcome> {
  const { path, log } = options;
  const { previous, damage } = openPrevious(path, options.settings.keep);
  if (damage !== undefined) {
    log.error("sync", "the previous snapshot is damaged", { path, detail: damage, instead: previous?.path });
  }
  let scratch: Scratch | undefined;
  try {
    if (previous?.held !== undefined && options.dryRun !== true) {
      return { kind: "held", why: heldText(previous.held) };
    }
    scratch = createScratch(temporaryName(workPath, "scratch"));
    return await runWith(options, workPath, scratch, previous);
  } finally {
    scratch?.close();
    previous?.close();
  }
}

async function runWith(
  options: JobOptions,
  workPath: string,
  scratch: Scratch,
  previous: Previous | undefined,
): Promise<Outcome> {
  const { sources, path, now, version, protection = unprotected } = options;
  const startedAt = now();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(runDeadline)]);
  const results = await readSources(sources, { ...options, signal, scratch: protectScratch(scratch, protection) });
  const refusal =
    refuseUnread(results, previous, options.acceptMissing) ?? refuseCarryOver(results, previous, protection);
  if (refusal !== undefined) {
    return { kind: "failed", why: refusal };
  }
  const rows = sources.map((source, index) => freeze(source, index + 1, results[index], scratch, previous));
  const open = scratch.resolveRules();
  if (open > 0) {
    options.log.warning("sync", "accepted senders not resolved, recipients left unrestricted", { rules: open });
  }
  scratch.close();
  // Lists under different keys have nothing to compare, and nothing to keep.
  const comparable = previous?.mark === protection.form?.mark ? previous : undefined;
  const newPath = temporaryName(workPath, "new");
  const built = buildSnapshot(newPath, scratch.path, {
    sources: rows.map((row) => protectSource(row, protection)),
    created: createdAfter(previous, now(), protection),
    host: hostname(),
    version,
    extra: protectionMeta(protection),
    grace: graceFor(comparable, results, options),
  });
  const changes = compareSnapshots(newPath, comparable?.path, options.tell);
  const facts: JobFacts = {
    entries: results.reduce((sum, { entries }) => sum + entries, 0),
    addresses: built.rows,
    byKind: built.byKind,
    ...changes,
    seconds: (now() - startedAt) / 1000,
    frozen: results.filter(({ fault }) => fault !== ""),
  };
  const day = countOfDay(readIncident(path).hours, now());
  const reasons = judge(newPath, built, rows, previous, { ...options, day }, protection.form?.hash);
  if (reasons.length > 0) {
    return { kind: "refused", reasons, facts };
  }
  if (options.dryRun === true) {
    return { kind: "dry-run", facts };
  }
  signal.throwIfAborted();
  const isSame =
    comparable !== undefined && changes.added + changes.removed === 0 && haveSameRules(newPath, comparable.path);
  if (isSame) {
    continueList(newPath, comparable);
  }
  const { signer } = protection;
  publishSnapshot(newPath, path, {
    keep: options.settings.keep,
    keepOld: comparable?.path === path && !isSame,
    log: options.log,
    sign: signer === undefined ? undefined : (file) => signFile(file, signer),
  });
  if (protection.form !== undefined) {
    removeForeign(path, protection.form.mark, options.log);
  }
  return { kind: "published", facts: { ...facts, seconds: (now() - startedAt) / 1000 } };
}

/** What a held list is answered with. */
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
