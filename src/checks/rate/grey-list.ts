/**
 * Keys on their way from unknown to known: qpsmtpd's greylisting, as rows that all workers share. RFC 6647. Times in
 * ms.
 */
import { after } from "../../state/store.ts";
import type { Later } from "../../state/store.ts";
import type { Table } from "../../state/table.ts";

/** How far a key has come. */
export interface GreyRow {
  /** When it was first deferred, or last accepted; ms since 1970. */
  readonly at: number;
  readonly deferred: number;
  /** 0: not accepted yet. */
  readonly accepted: number;
}

/** How long a new key is deferred; until when it must have come again; how long it is then known. */
export interface GreyTimes {
  readonly black: number;
  readonly grey: number;
  readonly white: number;
}

/** What becomes of an attempt, and the row as it is from then on. */
export interface GreyDecision {
  readonly kind: "accept" | "defer";
  readonly row: GreyRow;
  /** How long the row is kept. */
  readonly ttl: number;
  /** Whether the row differs from the one before, and must be written. */
  readonly isChanged: boolean;
}

/**
 * Another worker may change a row between reading and writing it. After this many tries the decision applies without
 * being written.
 */
const mostRetries = 3;

/** A known client's record is written again after this time at the soonest, so that one that sends much costs little. */
export function refreshAfter({ white }: GreyTimes): number {
  return Math.min(60_000, white / 1000);
}

/** Decides about one attempt. @param row undefined: the key is not known */
export function decideGrey(row: GreyRow | undefined, now: number, times: GreyTimes): GreyDecision {
  // A row from the future was written before the clock was set back.
  const age = row === undefined || row.at > now ? Number.POSITIVE_INFINITY : now - row.at;
  if (row !== undefined && row.accepted > 0 && (age < times.white || row.at > now)) {
    return age < refreshAfter(times)
      ? { kind: "accept", row, ttl: times.white, isChanged: false }
      : { kind: "accept", row: { ...row, at: now, accepted: row.accepted + 1 }, ttl: times.white, isChanged: true };
  }
  if (row?.accepted === 0 && age < times.black) {
    return { kind: "defer", row: { ...row, deferred: row.deferred + 1 }, ttl: times.grey - age, isChanged: true };
  }
  if (row?.accepted === 0 && age < times.grey) {
    return { kind: "accept", row: { ...row, at: now, accepted: 1 }, ttl: times.white, isChanged: true };
  }
  return { kind: "defer", row: { at: now, deferred: 1, accepted: 0 }, ttl: times.grey, isChanged: true };
}

/** The records of greylisting. */
export class GreyList {
  readonly #table: Table<GreyRow>;
  readonly #times: GreyTimes;
  readonly #now: () => number;

  /** @param now ms since 1970 */
  constructor(table: Table<GreyRow>, times: GreyTimes, now: () => number) {
    this.#table = table;
    this.#times = times;
    this.#now = now;
  }

  /** Decides about an attempt and writes it down; undefined while the state is unavailable. */
  attempt(key: string, retries = mostRetries): Later<GreyDecision | undefined> {
    return after(this.#table.get(key), (got) => {
      if (got.kind === "unavailable") {
        return undefined;
      }
      const before = got.kind === "found" ? got.row : undefined;
      const decision = decideGrey(before, this.#now(), this.#times);
      if (!decision.isChanged) {
        return decision;
      }
      return after(this.#table.compareAndSet(key, before, decision.row, decision.ttl), (swapped) => {
        if (swapped.kind === "differs" && retries > 0) {
          return this.attempt(key, retries - 1);
        }
        return swapped.kind === "unavailable" ? undefined : decision;
      });
    });
  }
}
