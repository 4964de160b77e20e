/** A list that a run has built, full or incremental: its facts, its judgement, its place. */
import { hostname } from "node:os";

import type { Built } from "../list/count.ts";
import type { Changes } from "../list/changes.ts";
import type { Previous } from "../list/previous.ts";
import { judge } from "../judge/judge.ts";
import type { JudgeOptions } from "../judge/judge.ts";
import type { JobFacts } from "../outcome.ts";
import { createdAfter, protectionMeta, signFile, unprotected } from "../publish/protect.ts";
import { publishSnapshot } from "../publish/publish.ts";
import type { ReadResult } from "../read/read.ts";
import { countOfDay } from "../remember/day.ts";
import { readIncident } from "../remember/incident.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";
import type { JobOptions } from "./job.ts";

/** The new list beside the one that it is to replace. */
export interface NewList {
  readonly path: string;
  readonly built: Built;
  readonly rows: readonly SourceRow[];
  readonly previous: Previous | undefined;
  /** Its rows are those of the previous list. */
  readonly isUnchanged?: boolean;
}

/** Where the list comes from, as its meta table says. @param started when the run began, ms since 1970 */
export function originOf(
  previous: Previous | undefined,
  { now, version, sources, protection = unprotected }: JobOptions,
  started: number,
) {
  const extra = protectionMeta(protection);
  const directories = sources.flatMap(({ isDirectory }, index) => (isDirectory === true ? [index + 1] : []));
  return { started, created: createdAfter(previous, now(), protection), host: hostname(), version, extra, directories };
}

/** What a run says of its list. @param seconds that it took so far */
export function factsOf(
  results: readonly ReadResult[],
  { rows, byKind }: Built,
  changes: Changes,
  seconds: number,
): JobFacts {
  const entries = results.reduce((sum, one) => sum + one.entries, 0);
  const frozen = results.filter(({ fault }) => fault !== "");
  return { entries, addresses: rows, byKind, ...changes, seconds, frozen };
}

/** Why the list must not be published; empty: nothing speaks against it. */
export function judgeList(
  { path, built, rows, previous, isUnchanged = false }: NewList,
  options: JobOptions,
  accepted: Pick<JudgeOptions, "acceptShrink"> = {},
): readonly string[] {
  const day = countOfDay(readIncident(options.path).hours, options.now());
  const { form } = options.protection ?? unprotected;
  return judge(path, built, rows, previous, { ...options, ...accepted, day, isUnchanged }, form?.hash);
}

/** Puts the list where relays read it. @param keepOld among the previous ones */
export function placeList(
  path: string,
  { path: place, settings, log, protection, now }: JobOptions,
  keepOld: boolean,
): void {
  const signer = protection?.signer;
  const sign = signer === undefined ? undefined : (file: number) => signFile(file, signer);
  const past = { keepFor: settings.keep_for ?? 0, now: now() };
  publishSnapshot(path, place, { keep: settings.keep, keepOld, past, log, sign });
}
