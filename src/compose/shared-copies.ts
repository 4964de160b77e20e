/** The folder in which the processes of one relay have their copy of a large snapshot: made at its start, gone at its end. */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Settings } from "../config/sections.ts";
import { workerCount } from "../ops/workers.ts";
import { isRunning } from "../files/running-process.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { Copies } from "../snapshot/copies.ts";
import { largeFile, statSnapshot } from "../snapshot/file.ts";
import { readTrust } from "../snapshot/trust.ts";
import type { Trust } from "../snapshot/trust.ts";

/** Tells the processes that serve where it is. */
const folderVariable = "GOODMAILTO_COPIES";
const prefix = "copies-";

/**
 * Makes it, for this process and those that it starts, and the copy too where these are several. Without a folder, each
 * of them has the snapshot in its own memory.
 */
export function shareCopies(settings: Settings, log: Log): void {
  const copies = openFolder(settings, log);
  if (copies !== undefined && workerCount(settings.smtp.workers) > 1) {
    firstCopy(settings, copies);
  }
}

function openFolder(settings: Settings, log: Log): Copies | undefined {
  const base = baseFolder(settings);
  try {
    refuseForeign(base);
    removeDead(base);
    const folder = mkdtempSync(join(base, `${prefix}${process.pid}-`));
    process.env[folderVariable] = folder;
    process.once("exit", () => remove(folder));
    return new Copies(folder);
  } catch (error) {
    delete process.env[folderVariable];
    // A folder that was asked for by name is missed; one that systemd would have made is not.
    const level = settings.snapshot.copy_folder === "" ? "debug" : "warning";
    log[level]("snapshot", "no folder for shared copies", { path: base, why: errorMessage(error) });
    return undefined;
  }
}

/** Makes the first copy, so that the processes that start now need not make it themselves; they say what is wrong. */
function firstCopy(settings: Settings, copies: Copies): void {
  const { path } = settings.snapshot;
  const seen = statSnapshot(path);
  const trust = ofFiles(settings);
  if (seen.kind === "file" && seen.size >= largeFile && trust !== undefined) {
    copies.takeNow(path, seen, trust);
  }
}

function ofFiles({ snapshot, recipients }: Settings): Trust | undefined {
  try {
    return readTrust(snapshot, recipients.match);
  } catch {
    return undefined;
  }
}

/** Those of this relay; undefined: there are none. */
export function sharedCopies(): Copies | undefined {
  const folder = process.env[folderVariable] ?? "";
  return folder === "" ? undefined : new Copies(folder);
}

function baseFolder({ snapshot, smtp }: Pick<Settings, "snapshot" | "smtp">): string {
  const [cache = ""] = (process.env["CACHE_DIRECTORY"] ?? "").split(":");
  return [snapshot.copy_folder, cache, smtp.status_folder].find((folder) => folder !== "") ?? "";
}

/** Whoever else may write there could take the copy away, or put another one in its place. @throws Error */
function refuseForeign(folder: string): void {
  const { uid, mode } = lstatSync(folder);
  if (uid !== process.getuid?.() && uid !== 0) {
    throw new Error("it belongs to another user");
  }
  if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0) {
    throw new Error("others may write to it");
  }
}

/** Folders of relays that were killed. */
function removeDead(base: string): void {
  for (const name of readdirSync(base)) {
    const [, pid] = /^copies-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) {
      remove(join(base, name));
    }
  }
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // It is in the way of nobody.
  }
}
