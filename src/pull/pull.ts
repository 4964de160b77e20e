/**
 * One pull: fetch the snapshot if there is a newer one, judge it by the relay's own checks, put it in place. Whatever
 * goes wrong, the snapshot that is there stays.
 */
import { hash } from "node:crypto";
import { rmSync, statSync } from "node:fs";

import type { Place } from "../config/place.ts";
import type { Log } from "../report/log.ts";
import { largeFile, readSnapshot, statSnapshot } from "../snapshot/file.ts";
import { openImage } from "../snapshot/image.ts";
import type { Trust } from "../snapshot/trust.ts";
import type { Access } from "../transfer/access.ts";
import { download } from "./download.ts";
import { installFile } from "./install.ts";
import { maxWhy, pullStatePath, readState, writeState } from "./state.ts";
import type { PullState } from "./state.ts";
import { errorMessage } from "../report/error-message.ts";

/** What a pull needs. */
export interface PullOptions {
  readonly place: Place;
  readonly access: Access;
  /** The snapshot file. */
  readonly path: string;
  readonly trust: Trust;
  /** Bytes. */
  readonly maxSize: number;
  /** ms for all of it. */
  readonly timeout: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** How it ended. Refused: what came is not a snapshot for this relay, and the previous one keeps serving. */
export type Pulled =
  | { readonly kind: "installed"; readonly rows: number; readonly created: number }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused" | "failed"; readonly why: string };

/**
 * A file that was refused is downloaded again after this time, in ms, as it may have been damaged on its way; until then
 * only another one is. A fleet that lacks a key would else download its list again and again.
 */
const refetch = 900_000;

/** Pulls once; the caller holds the snapshot's lock. Rejects never. */
export async function pull(options: PullOptions): Promise<Pulled> {
  const { path, place, log } = options;
  const pulled = await attempt(options).catch((error: unknown): Pulled => {
    return { kind: "failed", why: errorMessage(error) };
  });
  const fields = { from: place.url.host, path };
  switch (pulled.kind) {
    case "installed":
      log.info("pull", "installed", { ...fields, rows: pulled.rows, created: new Date(pulled.created).toISOString() });
      break;
    case "unchanged":
      log.debug("pull", "unchanged", fields);
      break;
    case "refused":
      log.error("pull", "refused, keeping the previous snapshot", { ...fields, why: pulled.why });
      break;
    case "failed":
      log.error("pull", "download failed, keeping the previous snapshot", { ...fields, why: pulled.why });
  }
  return pulled;
}

async function attempt(options: PullOptions): Promise<Pulled> {
  const { path, place, maxSize, access } = options;
  const part = `${path}.part`;
  const stateFile = pullStatePath(path);
  let state = readState(stateFile, place.url.href);
  const keep = (changes: Partial<PullState>): void => {
    state = { ...state, ...changes };
    writeState(stateFile, state);
  };
  const by = hash("sha256", JSON.stringify(options.trust));
  const isRefused =
    state.refusedBy === by && state.refusedEtag !== "" && Math.abs(Date.now() - state.refusedAt) < refetch;
  const mine = state.file !== "" && state.file === fileOf(path);
  const downloaded = await download({
    place,
    access,
    part,
    etag: isRefused ? state.refusedEtag : mine ? state.etag : "",
    partEtag: state.partEtag,
    maxSize,
    begin: (partEtag) => keep({ partEtag }),
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeout)]),
  });
  if (downloaded.kind === "unchanged") {
    return isRefused ? { kind: "refused", why: `${state.refusedWhy} (the same file as before)` } : downloaded;
  }
  try {
    keep({ partEtag: "", refusedEtag: "", refusedBy: "" });
    const { pulled, changes } = await take(part, downloaded.etag, options, state.newest);
    keep(pulled.kind === "refused" ? { ...changes, refusedBy: by } : changes);
    return pulled;
  } finally {
    rmSync(part, { force: true });
  }
}

/** Puts a complete file in place, if it is good. @returns also what is to be remembered of it */
async function take(
  part: string,
  etag: string,
  options: PullOptions,
  newest: number,
): Promise<{ readonly pulled: Pulled; readonly changes: Partial<PullState> }> {
  const { path } = options;
  const judged = await judge(part, options, newest);
  if (typeof judged === "string") {
    const changes = { refusedEtag: etag, refusedAt: Date.now(), refusedWhy: judged.slice(0, maxWhy) };
    return { pulled: { kind: "refused", why: judged }, changes };
  }
  const { rows, created, isNew } = judged;
  if (isNew) {
    installFile(part, path);
  }
  const changes = { etag, file: fileOf(path), newest: Math.max(newest, created) };
  return { pulled: isNew ? { kind: "installed", rows, created } : { kind: "unchanged" }, changes };
}

/** The file at a path, as long as nobody touches it. */
function fileOf(path: string): string {
  const facts = statSync(path, { throwIfNoEntry: false, bigint: true });
  return facts === undefined ? "" : `${facts.ino}:${facts.mtimeNs}`;
}

interface Facts {
  readonly rows: number;
  /** ms since 1970. */
  readonly created: number;
}

/** What a file holds, or why it is refused: by the relay's own checks, and for its age. */
async function judge(
  part: string,
  { trust, path }: PullOptions,
  newest: number,
): Promise<(Facts & { readonly isNew: boolean }) | string> {
  const reading = await readSnapshot(part, largeFile, trust);
  if (reading.kind === "flawed") {
    return `${reading.flaw.why}: ${reading.flaw.detail}`;
  }
  const facts = factsOf(reading.bytes, trust);
  const current = await readCurrent(path, trust);
  const before = Math.max(newest, current === undefined ? 0 : factsOf(current, trust).created);
  const time = (at: number): string => new Date(at).toISOString();
  return trust.publicKeys.length > 0 && facts.created < before
    ? `older: made ${time(facts.created)}, and one of ${time(before)} was here before`
    : { ...facts, isNew: current?.equals(reading.bytes) !== true };
}

function factsOf(bytes: Buffer, trust: Trust): Facts {
  const image = openImage(bytes, trust);
  try {
    return { rows: image.rows, created: image.created };
  } finally {
    image.close();
  }
}

/** The bytes of the snapshot that is there; undefined if there is no good one. */
async function readCurrent(path: string, trust: Trust): Promise<Buffer | undefined> {
  if (statSnapshot(path).kind !== "file") {
    return undefined;
  }
  const reading = await readSnapshot(path, largeFile, trust);
  return reading.kind === "good" ? reading.bytes : undefined;
}
