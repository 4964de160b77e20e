/** One run of the sync: lock, read, freeze what failed, build, guard, publish. DESIGN.md promise 3. */
import { hostname } from "node:os";

import type { SyncSettings } from "../src/config/schema.ts";
import type { Log } from "../src/mail/log.ts";
import type { Kind, SourceRow } from "../src/snapshot/format.ts";
import { buildSnapshot } from "./build.ts";
import type { Grace } from "./build.ts";
import { compareSnapshots } from "./changes.ts";
import { judge } from "./judge.ts";
import type { GuardSettings, JudgeOptions } from "./judge.ts";
import { acquireLock } from "./lock.ts";
import { openPrevious } from "./previous.ts";
import type { Previous } from "./previous.ts";
import {
  createdAfter,
  protectionMeta,
  protectScratch,
  protectSource,
  refuseCarryOver,
  signFile,
  unprotected,
} from "./protect.ts";
import type { Protection } from "./protect.ts";
import { publishSnapshot } from "./publish.ts";
import { readSources } from "./read.ts";
import type { ReadResult } from "./read.ts";
import { createScratch } from "./scratch.ts";
import type { Scratch } from "./scratch.ts";
import type { Source } from "./source.ts";
import { removeTemporary, temporaryName } from "./temporary.ts";
import { continueList, haveSameRules } from "./unchanged.ts";

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
  /** `[recipients] grace`: keys that vanished stay for so long, marked, in ms; 0: they go at once. */
  readonly grace?: number;
  /** Publish nothing; `tell` is told of every key that would come or go. */
  readonly dryRun?: boolean;
  readonly tell?: (change: "added" | "removed", key: string) => void;
  readonly progress?: (entries: number) => void;
}

/** What a run found out. */
export interface JobFacts {
  /** Entries read now; a frozen source counts with none. */
  readonly entries: number;
  /** Rows of the new list. */
  readonly addresses: number;
  readonly byKind: Readonly<Record<Kind, number>>;
  readonly added: number;
  readonly removed: number;
  readonly seconds: number;
  /** Sources whose rows are those of the old snapshot, with why. */
  readonly frozen: readonly { readonly name: string; readonly fault: string }[];
}

/** How a run ended. */
export type Outcome =
  /** `uncarried`: names of targets that did not get it. */
  | { readonly kind: "published" | "dry-run"; readonly facts: JobFacts; readonly uncarried?: readonly string[] }
  /** A guard spoke: a person must look. The old snapshot serves on. */
  | { readonly kind: "refused"; readonly reasons: readonly string[]; readonly facts: JobFacts }
  /** Nothing published, worth another try. */
  | { readonly kind: "failed"; readonly why: string }
  /** A person went back to an older list, which stays until it is released. */
  | { readonly kind: "held"; readonly why: string }
  | { readonly kind: "busy" };

/** A whole run may take so long, in ms: whatever hangs, the lock is free for the next one. */
const runDeadline = 3_600_000;

/** Runs once. Every failure is an outcome; whatever it is, no temporary file is left. */
export async function runSync(options: JobOptions): Promise<Outcome> {
  const { path, log } = options;
  try {
    const lock = acquireLock(path);
    if (lock === undefined) {
      return logOutcome(log, { kind: "busy" });
    }
    try {
      const leftovers = removeTemporary(path);
      if (leftovers > 0) {
        log.warning("sync", "removed what a killed sync left", { files: leftovers });
      }
      return logOutcome(log, await runLocked(options));
    } finally {
      removeTemporary(path);
      lock.release();
    }
  } catch (error) {
    return logOutcome(log, { kind: "failed", why: describeError(error) });
  }
}

async function runLocked(options: JobOptions): Promise<Outcome> {
  const { path, log } = options;
  const { previous, damage } = openPrevious(path, options.settings.keep);
  if (damage !== undefined) {
    log.error("sync", "the old snapshot is damaged", { path, detail: damage, instead: previous?.path });
  }
  let scratch: Scratch | undefined;
  try {
    if (previous?.held !== undefined && options.dryRun !== true) {
      return { kind: "held", why: heldText(previous.held) };
    }
    scratch = createScratch(temporaryName(path, "scratch"));
    return await runWith(options, scratch, previous);
  } finally {
    scratch?.close();
    previous?.close();
  }
}

async function runWith(options: JobOptions, scratch: Scratch, previous: Previous | undefined): Promise<Outcome> {
  const { sources, path, now, version, protection = unprotected } = options;
  const startedAt = now();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(runDeadline)]);
  const results = await readSources(sources, { ...options, signal, scratch: protectScratch(scratch, protection) });
  const refusal = refuseUnread(results, previous, options) ?? refuseCarryOver(results, previous, protection);
  if (refusal !== undefined) {
    return { kind: "failed", why: refusal };
  }
  const rows = sources.map((source, index) => freeze(source, index + 1, results[index], scratch, previous));
  const open = scratch.resolveRules();
  if (open > 0) {
    options.log.warning("sync", "senders that cannot be told leave their recipients open", { rules: open });
  }
  scratch.close();
  // Lists under different keys have nothing to compare, and nothing to keep.
  const comparable = previous?.mark === protection.form?.mark ? previous : undefined;
  const newPath = temporaryName(path, "new");
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
  const reasons = judge(newPath, built, rows, previous, options, protection.form?.hash);
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
    keepOld: previous?.path === path && !isSame,
    log: options.log,
    sign: signer === undefined ? undefined : (file) => signFile(file, signer),
  });
  return { kind: "published", facts: { ...facts, seconds: (now() - startedAt) / 1000 } };
}

/** What a held list is answered with. */
export function heldText(held: string): string {
  return `The list is held since ${held}. To let syncs replace it again, run \`goodmailto rollback --release\``;
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

/** Why nothing may be published although no guard has looked yet: people of an unread source would be refused. */
function refuseUnread(
  results: readonly ReadResult[],
  previous: Previous | undefined,
  { acceptMissing = false }: JobOptions,
): string | undefined {
  const failed = results.filter(({ fault }) => fault !== "");
  if (failed.length === results.length) {
    return failed.length === 0 ? "There is no [[source]]" : `No source could be read: ${failed[0]?.fault ?? ""}`;
  }
  const unknown = failed.find(({ name }) => (previous?.sources.get(name)?.rows ?? 0) === 0);
  if (unknown === undefined || acceptMissing) {
    return undefined;
  }
  return (
    `Source "${unknown.name}" failed and the snapshot has no rows of it, so its recipients would be refused: ` +
    `${unknown.fault}. To publish without it, run \`goodmailto sync --accept-missing\``
  );
}

/** The source's row; where it failed, its rows of before go into the scratch file again. */
function freeze(
  { name, domains }: Source,
  id: number,
  result: ReadResult | undefined,
  scratch: Scratch,
  previous: Previous | undefined,
): SourceRow {
  const { triedAt = 0, fault = "", entries = 0 } = result ?? {};
  const row = { name, domains: domains.join(" "), triedAt, fault };
  if (fault === "") {
    return { ...row, readAt: triedAt, entries, reached: result?.reached ?? "" };
  }
  for (const rows of previous?.rowsOf(name) ?? []) {
    scratch.add(id, rows);
  }
  const old = previous?.sources.get(name);
  return { ...row, readAt: old?.readAt ?? 0, entries: old?.entries ?? 0, reached: old?.reached ?? "" };
}

/** With the code: SQLite's "disk I/O error" alone says little. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

/** What went wrong; what went well is the caller's to tell, by sync/summary.ts. */
function logOutcome(log: Log, outcome: Outcome): Outcome {
  switch (outcome.kind) {
    case "published":
    case "dry-run":
      for (const { name, fault } of outcome.facts.frozen) {
        log.warning("sync", "source keeps its addresses of before", { source: name, fault });
      }
      return outcome;
    case "refused":
      for (const reason of outcome.reasons) {
        log.error("sync", "refused", { reason });
      }
      return outcome;
    case "failed":
      log.error("sync", "nothing published", { why: outcome.why });
      return outcome;
    case "held":
      log.warning("sync", "held, nothing published", { why: outcome.why });
      return outcome;
    case "busy":
      log.error("sync", "another sync is running, nothing published");
      return outcome;
  }
}
