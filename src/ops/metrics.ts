/** Counters and distributions of this process, as plain data that workers can send to the process that serves it. */
import { seriesFromStart } from "../report/counters.ts";
import type { CountedCheck, Counters, Labels } from "../report/counters.ts";
import { gauges as gaugeFacts, histograms } from "../report/metric-names.ts";
import type { CounterName, GaugeName, HistogramName } from "../report/metric-names.ts";
import { bucketLabel, seriesOf } from "./series.ts";

/** Values by `name{labels}`, without the prefix. */
export type Totals = Readonly<Record<string, number>>;

/** A value that is what it is now, beside the counters. */
export interface Gauge {
  readonly name: GaugeName;
  readonly labels?: Labels;
  readonly value: number;
}

/** What one series has come to. */
interface Count {
  value: number;
}

/** One series of a histogram: what fell under each bound and over the one before; the last is over all. */
interface Distribution {
  readonly name: HistogramName;
  readonly labels: Labels | undefined;
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
}

/** Counts, and returns the counts. */
export interface Metrics extends Counters {
  totals(): Totals;
  /** Makes the series of these checks, with 0, where they are not there yet. */
  start(checks: readonly CountedCheck[]): void;
}

/**
 * Labels are fixed words or from the configuration, so the table is bounded.
 * @param checks the checks that may count
 */
export function createMetrics(checks: readonly CountedCheck[] = []): Metrics {
  const counts = new Map<string, Count>();
  // Callers on the way to a reply pass the same object each time; its text is made once.
  const known = new WeakMap<object, Count>();
  const countOf = (name: CounterName, labels: Labels | undefined): Count => {
    const series = seriesOf(name, labels);
    const count = counts.get(series) ?? { value: 0 };
    counts.set(series, count);
    return count;
  };
  const start = (all: readonly CountedCheck[]): void =>
    seriesFromStart(all).forEach(([name, labels]) => void countOf(name, labels));
  start(checks);
  const distributions = createDistributions();
  return {
    start,
    observe: distributions.observe,
    add: (name, labels, by = 1) => {
      let count = labels === undefined ? counts.get(name) : known.get(labels);
      if (count === undefined) {
        count = countOf(name, labels);
        if (labels !== undefined) {
          known.set(labels, count);
        }
      }
      count.value += by;
    },
    totals: () =>
      Object.fromEntries([
        ...[...counts].map(([series, { value }]) => [series, value] as const),
        ...distributions.totals(),
      ]),
  };
}

/** Those without labels are there from the start, the others from their first value on. */
function createDistributions() {
  const all = new Map<string, Distribution>();
  const known = new WeakMap<object, Distribution>();
  const make = (name: HistogramName, labels: Labels | undefined): Distribution => {
    const { bounds } = histograms[name];
    const counts: number[] = Array.from({ length: bounds.length + 1 }, () => 0);
    const made = all.get(seriesOf(name, labels)) ?? { name, labels, bounds, counts, sum: 0 };
    all.set(seriesOf(name, labels), made);
    return made;
  };
  for (const [name, { labels }] of Object.entries(histograms)) {
    if (labels.length === 0) {
      // Object.entries forgets the names.
      make(name as HistogramName, undefined);
    }
  }
  return {
    observe(name: HistogramName, value: number, labels?: Labels): void {
      let one = labels === undefined ? all.get(name) : known.get(labels);
      if (one === undefined) {
        one = make(name, labels);
        if (labels !== undefined) {
          known.set(labels, one);
        }
      }
      const { bounds, counts } = one;
      let i = 0;
      while (i < bounds.length && value > (bounds[i] ?? 0)) {
        i++;
      }
      counts[i] = (counts[i] ?? 0) + 1;
      one.sum += value;
    },
    totals: () => [...all.values()].flatMap(rowsOf),
  };
}

/** As Prometheus counts: each bucket with what is in those below it. */
function rowsOf({ name, labels, bounds, counts, sum }: Distribution): (readonly [string, number])[] {
  let under = 0;
  const buckets = counts.map((count, i) => {
    under += count;
    return [seriesOf(`${name}_bucket`, { ...labels, le: bucketLabel(bounds[i]) }), under] as const;
  });
  return [...buckets, [seriesOf(`${name}_sum`, labels), sum], [seriesOf(`${name}_count`, labels), under]];
}

/** Adds the totals of several processes. */
export function sumTotals(all: readonly Totals[]): Totals {
  const sum: Record<string, number> = {};
  for (const totals of all) {
    for (const [series, value] of Object.entries(totals)) {
      sum[series] = (sum[series] ?? 0) + value;
    }
  }
  return sum;
}

/** Makes one value of those that several processes have of a gauge. */
export function joinGauges(all: readonly (readonly Gauge[])[]): Gauge[] {
  const joined = new Map<string, Gauge>();
  for (const gauge of all.flat()) {
    const series = seriesOf(gauge.name, gauge.labels);
    const before = joined.get(series)?.value;
    const value = before === undefined ? gauge.value : joinTwo(gauge.name, before, gauge.value);
    joined.set(series, { ...gauge, value });
  }
  return [...joined.values()];
}

function joinTwo(name: GaugeName, one: number, other: number): number {
  const { join = "most" } = gaugeFacts[name];
  switch (join) {
    case "sum":
      return one + other;
    case "least":
      return Math.min(one, other);
    case "most":
      return Math.max(one, other);
  }
}
