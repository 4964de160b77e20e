/** Figures of the last 24 hours, one sample a minute in a ring, for the charts. They begin with the start of the relay. */
import type { Figures } from "../../ops/figures.ts";
import type { Rates } from "./rate-alerts.ts";

const minute = 60_000;
/** Minutes that are remembered. */
const most = 1440;

/** What was so at the end of a minute. */
export interface Sample {
  /** Minutes since 1970. */
  readonly minute: number;
  readonly figures: Figures;
  /** Age of the list, seconds; undefined: there is none. */
  readonly age: number | undefined;
  readonly sessions: number;
  /** Counters that are 0 where all is well, since the start. */
  readonly alarms: Readonly<Record<string, number>>;
  /** Counters whose rates are looked at, since the start. */
  readonly rates: Rates;
}

/** A stretch of time in a chart: what was counted in it. */
export interface Stretch {
  /** ms since 1970 */
  readonly from: number;
  /** Undefined: nothing is known of it. */
  readonly counted: Figures | undefined;
  readonly age: number | undefined;
  readonly sessions: number | undefined;
}

export class Samples {
  readonly #ring: Sample[] = [];
  /** What was so before the ring begins. */
  #origin: Sample | undefined;

  /** Takes what is so now; the last of a minute stays. @param now ms since 1970 */
  take(now: number, sample: Omit<Sample, "minute">): void {
    const at = Math.floor(now / minute);
    if (this.#ring.at(-1)?.minute === at) {
      this.#ring.pop();
    }
    this.#ring.push({ minute: at, ...sample });
    this.#origin ??= this.#ring[0];
    if (this.#ring.length > most + 1) {
      this.#origin = this.#ring.shift();
    }
  }

  /** What was so a day ago; undefined: that is not known. */
  get dayAgo(): Sample | undefined {
    return this.#ring.length > most ? this.#origin : undefined;
  }

  /**
   * What came of the rates in a time, or in that part of it of which something is known; undefined: in no part.
   * @param now ms since 1970 @param from minutes before now @param to the same, and less
   */
  counted(now: number, from: number, to: number): Rates | undefined {
    const end = Math.floor(now / minute);
    const last = this.#ring.findLast(({ minute: at }) => at <= end - to);
    const first = this.#ring.findLast(({ minute: at }) => at <= end - from) ?? this.#origin;
    return last === undefined || first === undefined || last.minute <= first.minute
      ? undefined
      : ratesBetween(last.rates, first.rates);
  }

  /**
   * The time up to now in equal stretches, oldest first.
   * @param width minutes of one
   */
  stretches(now: number, count: number, width: number): Stretch[] {
    const end = Math.floor(now / minute / width) + 1;
    return Array.from({ length: count }, (_, i) => this.#stretch((end - count + i) * width, width));
  }

  #stretch(begins: number, width: number): Stretch {
    const inside = this.#ring.filter(({ minute: at }) => at >= begins && at < begins + width);
    const last = inside.at(-1);
    const before = this.#ring.findLast(({ minute: at }) => at < begins) ?? this.#origin;
    return {
      from: begins * minute,
      counted: last === undefined || before === undefined ? undefined : difference(last.figures, before.figures),
      age: last?.age,
      sessions: last?.sessions,
    };
  }
}

/** What came in between. */
function ratesBetween(later: Rates, earlier: Rates): Rates {
  const since = (name: keyof Rates): number =>
    later[name] >= earlier[name] ? later[name] - earlier[name] : later[name];
  return {
    silent: since("silent"),
    deferred: since("deferred"),
    replies: since("replies"),
    unknown: since("unknown"),
    turnedAway: since("turnedAway"),
    lookups: since("lookups"),
    lookupFaults: since("lookupFaults"),
    restarts: since("restarts"),
    recipients: since("recipients"),
    inTime: since("inTime"),
  };
}

/** What came in between. A counter that is less than before began at 0 meanwhile. */
export function difference(later: Figures, earlier: Figures): Figures {
  const since = (of: (figures: Figures) => number): number =>
    of(later) >= of(earlier) ? of(later) - of(earlier) : of(later);
  return {
    connections: since((figures) => figures.connections),
    refused: since((figures) => figures.refused),
    accepted: since((figures) => figures.accepted),
    delivered: since((figures) => figures.delivered),
    deferred: since((figures) => figures.deferred),
    hopsTook: since((figures) => figures.hopsTook),
    hopsDeferred: since((figures) => figures.hopsDeferred),
    hopsRefused: since((figures) => figures.hopsRefused),
    hopsSilent: since((figures) => figures.hopsSilent),
  };
}
