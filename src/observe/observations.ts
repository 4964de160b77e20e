/**
 * What observe mode saw: for each address the answer beside the next hop's, counted. A file of its own for each
 * process, written completely every few seconds, read by `goodmailto observe report`. Bounded: an untrusted client chooses
 * addresses.
 */
import { readFileSync } from "node:fs";

import { errorMessage } from "../report/error-message.ts";
import { replaceFile } from "../files/replace.ts";
import type { Log } from "../report/log.ts";
import { ourAnswers } from "../report/observer.ts";
import type { Observer, OurAnswer } from "../report/observer.ts";

/** How often the next hop gave which answer; `unclear` is 4xx, or none. */
export interface HopAnswers {
  accepted: number;
  refused: number;
  unclear: number;
}

/** What was seen of one address. Times are ms since 1970. */
export interface Seen {
  readonly address: string;
  readonly ours: OurAnswer;
  readonly theirs: HopAnswers;
  readonly first: number;
  last: number;
}

/** What is in the file. */
export interface Observed {
  /** When counting began, and when the file was written. */
  readonly since: number;
  readonly until: number;
  /** Recipients by what the list said of them. */
  readonly totals: Readonly<Partial<Record<OurAnswer, Readonly<HopAnswers>>>>;
  /** Addresses that had to make room for others. */
  readonly dropped: number;
  /** Those that the list refuses, and those that it knows and the next hop refused. */
  readonly addresses: readonly Seen[];
}

/** Addresses that are kept. */
const maxAddresses = 10_000;
/** ms */
const writeEvery = 5000;
const complainEvery = 600_000;

const none = (): HopAnswers => ({ accepted: 0, refused: 0, unclear: 0 });
const noTotals = (): Record<OurAnswer, HopAnswers> => ({
  known: none(),
  unknown: none(),
  vanished: none(),
  suspended: none(),
  internal: none(),
  sender: none(),
});

/** What tests may choose. */
export interface ObservationOptions {
  readonly now?: () => number;
  readonly maxAddresses?: number;
  /** ms */
  readonly writeEvery?: number;
}

/** Counts in memory and writes to a file. */
export class Observations implements Observer {
  readonly path: string;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #most: number;
  readonly #since: number;
  readonly #totals: Record<OurAnswer, HopAnswers>;
  readonly #seen = new Map<string, Seen>();
  readonly #timer: NodeJS.Timeout;
  #dropped: number;
  #changed = false;
  #complainedAt = Number.NEGATIVE_INFINITY;

  /** Continues with the contents of the file. */
  constructor(path: string, log: Log, options: ObservationOptions = {}) {
    this.path = path;
    this.#log = log;
    this.#now = options.now ?? Date.now;
    this.#most = options.maxAddresses ?? maxAddresses;
    const before = readObserved(path);
    this.#since = before?.since ?? this.#now();
    this.#totals = addTotals(noTotals(), before?.totals);
    this.#dropped = before?.dropped ?? 0;
    for (const seen of before?.addresses ?? []) {
      this.#seen.set(`${seen.ours} ${seen.address}`, seen);
    }
    this.#timer = setInterval(() => this.flush(), options.writeEvery ?? writeEvery).unref();
  }

  note(address: string, ours: OurAnswer, code: number): void {
    const answer = code < 300 ? "accepted" : code >= 500 ? "refused" : "unclear";
    this.#changed = true;
    this.#totals[ours][answer] += 1;
    if (ours === "known" && answer !== "refused") {
      return;
    }
    const key = `${ours} ${address}`;
    const now = this.#now();
    const seen = this.#seen.get(key) ?? { address, ours, theirs: none(), first: now, last: now };
    seen.theirs[answer] += 1;
    seen.last = now;
    this.#seen.set(key, seen);
    if (this.#seen.size > this.#most) {
      this.#makeRoom();
    }
  }

  /** Writes the file where anything is new. Whole or not at all. */
  flush(): void {
    if (!this.#changed) {
      return;
    }
    try {
      replaceFile(this.path, `${JSON.stringify(this.#observed())}\n`);
      this.#changed = false;
    } catch (error) {
      this.#complain(error);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  #observed(): Observed {
    return {
      since: this.#since,
      until: this.#now(),
      totals: this.#totals,
      dropped: this.#dropped,
      addresses: [...this.#seen.values()],
    };
  }

  /** A tenth goes at once, so that a flood of new addresses does not sort the table each time. */
  #makeRoom(): void {
    const byWorth = [...this.#seen].toSorted(([, one], [, other]) => worthOf(one) - worthOf(other));
    const surplus = byWorth.slice(0, Math.ceil(this.#most / 10));
    this.#dropped += surplus.length;
    surplus.forEach(([key]) => this.#seen.delete(key));
  }

  #complain(error: unknown): void {
    if (this.#now() - this.#complainedAt >= complainEvery) {
      this.#complainedAt = this.#now();
      this.#log.error("observe", "cannot write", { path: this.path, why: errorMessage(error) });
    }
  }
}

/** Disagreements are worth more than any number of agreements; then the more frequent, then the younger. */
function worthOf({ ours, theirs, last }: Seen): number {
  const against = ours === "known" ? theirs.refused : theirs.accepted;
  return against * 1e6 + Math.min(theirs.refused + theirs.unclear, 1000) + last / 1e15;
}

/** What a file contains; undefined if there is none, or another program's. */
export function readObserved(path: string): Observed | undefined {
  try {
    const read: Observed = JSON.parse(readFileSync(path, "utf8"));
    const { since, totals, addresses } = read;
    const whole = typeof since === "number" && Array.isArray(addresses) && totals?.known !== undefined;
    return whole && totals.unknown !== undefined ? read : undefined;
  } catch {
    return undefined;
  }
}

/** What several processes saw, as one. */
export function mergeObserved(parts: readonly Observed[]): Observed | undefined {
  const merged = new Map<string, Seen>();
  const totals = noTotals();
  for (const part of parts) {
    addTotals(totals, part.totals);
    for (const { address, ours, theirs, first, last } of part.addresses) {
      const key = `${ours} ${address}`;
      const before = merged.get(key);
      const sum = addAnswers({ ...(before?.theirs ?? none()) }, theirs);
      merged.set(key, {
        address,
        ours,
        theirs: sum,
        first: Math.min(before?.first ?? first, first),
        last: Math.max(before?.last ?? last, last),
      });
    }
  }
  return parts.length === 0
    ? undefined
    : {
        since: Math.min(...parts.map(({ since }) => since)),
        until: Math.max(...parts.map(({ until }) => until)),
        totals,
        dropped: parts.reduce((sum, { dropped }) => sum + dropped, 0),
        addresses: [...merged.values()],
      };
}

/** A file of an older version lacks the kinds that it did not know. */
function addTotals(
  sum: Record<OurAnswer, HopAnswers>,
  more: Readonly<Partial<Record<OurAnswer, Readonly<HopAnswers>>>> = {},
): Record<OurAnswer, HopAnswers> {
  for (const ours of ourAnswers) {
    addAnswers(sum[ours], more[ours] ?? none());
  }
  return sum;
}

function addAnswers(sum: HopAnswers, more: HopAnswers): HopAnswers {
  sum.accepted += more.accepted;
  sum.refused += more.refused;
  sum.unclear += more.unclear;
  return sum;
}
