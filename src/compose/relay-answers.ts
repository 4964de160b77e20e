/** What a running relay says to commands beside it: how it is, who is blocked, and that somebody no longer is. */
import { performance } from "node:perf_hooks";

import type { Settings } from "../config/sections.ts";
import type { HopState } from "../mail/courier.ts";
import type { Answerer } from "../ops/control-socket.ts";
import type { SnapshotState } from "../snapshot/reader.ts";
import { version } from "../ops/version.ts";
import { blockKindOf, blocksHeld, endBlocks } from "./blocks.ts";
import type { Lasting } from "./lasting.ts";

/** How one process is. Times are ISO 8601; null: there is none. */
export interface RelayReport {
  readonly pid: number;
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  readonly sessions: number;
  /** When it read its configuration. */
  readonly loaded: string;
  /** When its list was made. */
  readonly list: string | null;
  readonly addresses: number;
  /** The list that waits for the canaries; null: none does. */
  readonly waiting: { readonly list: string; readonly until: string } | null;
  /** What is wrong with the list file that is there now; null: nothing. */
  readonly alarm: string | null;
  /** Networks that are blocked for harvesting. */
  readonly blocked: number;
  readonly hops: readonly HopState[];
}

/** The same with its counters. */
export interface RelayFigures extends RelayReport {
  /** Values by `name{labels}`, since the start. */
  readonly totals: Readonly<Record<string, number>>;
}

/** What changes at a reload. */
export interface Moment {
  readonly loaded: number;
  readonly settings: Settings;
  hops(): readonly HopState[];
}

/** Answers their questions. */
export function createAnswers(lasting: Lasting, moment: () => Moment): Answerer {
  return async ({ ask, network, kind }) => {
    const { settings } = moment();
    switch (ask) {
      case "report":
        return reportOf(lasting, moment());
      case "figures":
        return { ...reportOf(lasting, moment()), totals: lasting.counters.totals?.() ?? {} };
      case "blocks":
        return { blocks: await blocksHeld(lasting, settings) };
      case "end blocks":
        return typeof network === "string"
          ? { ended: await endBlocks(lasting, settings, network, blockKindOf(kind)) }
          : undefined;
      default:
        return undefined;
    }
  };
}

function reportOf({ crowd, ledger, snapshot }: Lasting, { loaded, hops }: Moment): RelayReport {
  const { state } = snapshot;
  const isOpen = state.kind === "open";
  return {
    pid: process.pid,
    version,
    uptime: Math.round(performance.now() / 1000),
    sessions: crowd.size,
    loaded: new Date(loaded).toISOString(),
    list: isOpen ? new Date(state.created).toISOString() : null,
    addresses: isOpen ? state.rows : 0,
    waiting: waitingOf(state),
    alarm: isOpen ? (state.alarm ?? null) : state.why,
    blocked: ledger.blocks().length,
    hops: hops(),
  };
}

function waitingOf(state: SnapshotState): RelayReport["waiting"] {
  const waiting = state.kind === "open" ? state.waiting : undefined;
  return waiting === undefined
    ? null
    : { list: new Date(waiting.created).toISOString(), until: new Date(waiting.until).toISOString() };
}
