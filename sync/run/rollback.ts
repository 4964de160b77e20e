/**
 * Goes back to a list that is kept. It is published again, with a mark that syncs heed: they replace it only when a
 * person has released it.
 */
import { chmodSync, constants, copyFileSync } from "node:fs";

import Database from "better-sqlite3";

import type { Log } from "../../src/report/log.ts";
import { unsealed } from "../../src/snapshot/format.ts";
import type { MetaKey } from "../../src/snapshot/format.ts";
import { acquireLock } from "../list/lock.ts";
import { openPrevious } from "../list/previous.ts";
import { createdAfter, protectionMeta, signFile } from "../publish/protect.ts";
import type { Protection } from "../publish/protect.ts";
import { publishSnapshot } from "../publish/publish.ts";
import { removeTemporary, temporaryName } from "../list/temporary.ts";

/** What going back needs. */
export interface RollbackOptions {
  /** The snapshot file. */
  readonly path: string;
  /** The file to go back to; for a release, the snapshot itself. */
  readonly from: string;
  /** Why, for the log of syncs; undefined releases. */
  readonly reason: string | undefined;
  readonly keep: number;
  /** `[sync] keep_for`, in ms. */
  readonly keepFor: number;
  readonly protection: Protection;
  /** ms since 1970. */
  readonly now: number;
  readonly log: Log;
}

/** What putting a list in place needs. */
type Placing = Omit<RollbackOptions, "from" | "reason">;

/** How it ended. */
export type RollbackOutcome =
  | { readonly kind: "published" }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "busy" };

/** A longer reason would not fit into the first pages, where the checksum is looked for. */
const maxReason = 200;

/** Goes back, or releases. @throws what the file system and SQLite throw; the snapshot is then what it was */
export function rollBack(options: RollbackOptions): RollbackOutcome {
  const lock = acquireLock(options.path);
  if (lock === undefined) {
    return { kind: "busy" };
  }
  try {
    return rollBackLocked(options);
  } finally {
    removeTemporary(options.path);
    lock.release();
  }
}

function rollBackLocked({ path, from, reason, keep, keepFor, protection, now, log }: RollbackOptions): RollbackOutcome {
  const { previous: wanted, damage } = openPrevious(from, 0);
  wanted?.close();
  if (wanted === undefined) {
    return { kind: "refused", why: `${from}: ${damage ?? "no such file"}` };
  }
  if (wanted.mark !== protection.form?.mark) {
    return { kind: "refused", why: `${from} uses a different HMAC secret than [snapshot] key_file` };
  }
  const { previous: current } = openPrevious(path, 0);
  current?.close();
  const created = reason === undefined ? wanted.created : createdAfter(current, now, protection);
  publishAgain(from, { path, keep, keepFor, protection, now, log }, current !== undefined && reason !== undefined, {
    created: String(created),
    since: String(reason === undefined ? wanted.since : created),
    held: reason === undefined ? undefined : holdText(now, reason),
    urgent: undefined,
  });
  return { kind: "published" };
}

/**
 * Marks the list that serves as wanted at once: relays with `[snapshot] canary` do not wait with it.
 * @throws what the file system and SQLite throw; the snapshot is then what it was
 */
export function hurry(options: Placing): RollbackOutcome {
  const { path, protection } = options;
  const lock = acquireLock(path);
  if (lock === undefined) {
    return { kind: "busy" };
  }
  try {
    const { previous: current, damage } = openPrevious(path, 0);
    current?.close();
    if (current === undefined || current.mark !== protection.form?.mark) {
      const why = current === undefined ? (damage ?? "no such file") : "it uses a different HMAC secret";
      return { kind: "refused", why: `${path}: ${why}` };
    }
    publishAgain(path, options, false, { urgent: "1" });
    return { kind: "published" };
  } finally {
    removeTemporary(path);
    lock.release();
  }
}

/** Puts a copy of a list in place, with other words in its meta table. */
function publishAgain(
  from: string,
  { path, keep, keepFor, protection, now, log }: Placing,
  keepOld: boolean,
  meta: Partial<Record<MetaKey, string | undefined>>,
): void {
  const newPath = temporaryName(path, "new");
  copyFileSync(from, newPath, constants.COPYFILE_EXCL);
  chmodSync(newPath, 0o600);
  writeMeta(newPath, { ...meta, digest: unsealed, signature: undefined, ...protectionMeta(protection) });
  const { signer } = protection;
  const sign = signer === undefined ? undefined : (file: number) => signFile(file, signer);
  publishSnapshot(newPath, path, { keep, keepOld, past: { keepFor, now }, log, sign });
}

function holdText(now: number, reason: string): string {
  const words = reason.replace(/[^\x20-\x7e]+/g, " ").trim();
  return `${new Date(now).toISOString()}${words === "" ? "" : ` (${words.slice(0, maxReason)})`}`;
}

function writeMeta(path: string, meta: Partial<Record<MetaKey, string | undefined>>): void {
  const database = new Database(path);
  try {
    database.pragma("journal_mode = OFF");
    database.pragma("synchronous = OFF");
    // The old seal must not be found where the new one is looked for.
    database.pragma("secure_delete = ON");
    const remove = database.prepare("DELETE FROM meta WHERE key = ?");
    const insert = database.prepare("INSERT INTO meta VALUES (?, ?)");
    for (const [key, value] of Object.entries(meta)) {
      remove.run(key);
      if (value !== undefined) {
        insert.run(key, value);
      }
    }
  } finally {
    database.close();
  }
}
