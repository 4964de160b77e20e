/** How a run of the sync ended, and what of it the log says. */
import type { GuardName } from "../src/files/sync-notes.ts";
import type { Log } from "../src/report/log.ts";
import type { Kind } from "../src/snapshot/format.ts";

/** What a run found out. */
export interface JobFacts {
  /** Entries read now; a source that was not updated counts with none. */
  readonly entries: number;
  /** Rows of the new list. */
  readonly addresses: number;
  readonly byKind: Readonly<Record<Kind, number>>;
  readonly added: number;
  readonly removed: number;
  readonly seconds: number;
  /** The file is the previous one, which says the same and is young enough. */
  readonly stays?: boolean;
  /** Sources whose rows are those of the old snapshot, with why. */
  readonly frozen: readonly { readonly name: string; readonly fault: string }[];
}

/** How a run ended. */
export type SyncOutcome =
  /** `unpushed`: names of targets that did not get it. */
  | { readonly kind: "published" | "dry-run"; readonly facts: JobFacts; readonly unpushed?: readonly string[] }
  /** A guard spoke: a person must look. The old snapshot keeps serving. */
  | {
      readonly kind: "refused";
      readonly reasons: readonly string[];
      readonly guards: readonly GuardName[];
      readonly facts: JobFacts;
    }
  /** Nothing published, worth another try. */
  | { readonly kind: "failed"; readonly why: string }
  /** A person went back to an older list, which stays until it is released. */
  | { readonly kind: "held"; readonly why: string }
  | { readonly kind: "busy" };

/** With the code: SQLite's "disk I/O error" alone says little. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

/** Of the disk, or of what one user may have of it. */
const fullDisk: ReadonlySet<string> = new Set(["SQLITE_FULL", "ENOSPC", "EDQUOT", "EFBIG"]);

/** The same of something that writes into a folder: a full disk names no file. */
export function describeWriteError(error: unknown, folder: string): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return fullDisk.has(code) ? `No space left in "${folder}": ${describeError(error)}` : describeError(error);
}

/** What went wrong; what went well is reported by the caller, by sync/run/summary.ts. */
export function logOutcome(log: Log, outcome: SyncOutcome): SyncOutcome {
  switch (outcome.kind) {
    case "published":
    case "dry-run":
      for (const { name, fault } of outcome.facts.frozen) {
        log.warning("sync", "source not updated, keeping its previous addresses", { source: name, fault });
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
      log.warning("sync", "on hold, nothing published", { why: outcome.why });
      return outcome;
    case "busy":
      log.error("sync", "another sync is running, nothing published");
      return outcome;
  }
}
