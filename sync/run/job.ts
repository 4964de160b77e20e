/** What a run of the sync is given, full or incremental. */
import type { SyncSettings } from "../../src/config/schema.ts";
import type { Log } from "../../src/report/log.ts";
import type { LeftOut } from "../left-out.ts";
import type { GuardSettings, JudgeOptions } from "../judge/judge.ts";
import type { Protection } from "../publish/protect.ts";
import type { Source } from "../source.ts";
import type { TrafficOptions } from "../traffic/options.ts";

/** What a run needs. */
export interface JobOptions {
  readonly sources: readonly Source[];
  readonly settings: GuardSettings & Pick<SyncSettings, "keep"> & Partial<Pick<SyncSettings, "keep_for">>;
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
  /** A person has said that recipients who got mail may be refused. */
  readonly acceptTraffic?: boolean;
  /** Who gets mail, for the guard of those; not given: it does not look. */
  readonly traffic?: TrafficOptions | undefined;
  /** `[recipients] grace`: how long removed keys stay, marked, in ms; 0: they go immediately. */
  readonly grace?: number;
  /** Whether a directory's catch-all address counts for a relay domain: the guard expects one there. */
  readonly takesCatchAll?: (domain: string) => boolean;
  /** Of `[domains] relay`, those that are no suffix, in normal form. */
  readonly relayDomains?: readonly string[];
  /** Until a list of this age an unchanged one is not written again, in ms; not given: it is, each time. */
  readonly rewriteAfter?: number;
  /** Publish nothing and write nothing beside the snapshot; `tell` is called with every key that would come or go. */
  readonly dryRun?: boolean;
  readonly tell?: (change: "added" | "removed", key: string) => void;
  readonly progress?: (entries: number) => void;
  /** Called with the values that gave no address. */
  readonly leave?: (source: string, left: readonly LeftOut[]) => void;
}

/** How long a run may take, in ms: whatever hangs, the lock is free for the next one. */
export const runDeadline = 3_600_000;
