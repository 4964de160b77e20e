/** Counters of this process, and their text form for Prometheus (exposition format 0.0.4). */
import { counterNames, histogramNames, histograms, seriesFromStart } from "../report/counters.ts";
import type { CountedCheck, CounterName, Counters, HistogramName } from "../report/counters.ts";

/** Values by `name{labels}`; plain data, so that workers can send it to the process that serves it. */
export type Totals = Readonly<Record<string, number>>;

type Labels = Readonly<Record<string, string>>;

/** What one series has come to. */
interface Count {
  value: number;
}

/** Counts, and returns the counts. */
export interface Metrics extends Counters {
  totals(): Totals;
}

/**
 * Labels are fixed words, so the table is bounded by the program itself.
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
  for (const [name, labels] of seriesFromStart(checks)) {
    countOf(name, labels);
  }
  const distributions = new Map(histogramNames.map((name) => [name, distribution(name, counts)]));
  return {
    observe: (name, value) => distributions.get(name)?.(value),
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
    totals: () => Object.fromEntries([...counts].map(([series, { value }]) => [series, value])),
  };
}

/** The series of a histogram, each bucket with what is in those below it. @returns adds a value */
function distribution(name: HistogramName, counts: Map<string, Count>): (value: number) => void {
  const cell = (series: string): Count => {
    const count = { value: 0 };
    counts.set(series, count);
    return count;
  };
  const { bounds } = histograms[name];
  const buckets = bounds.map((bound) => cell(`${name}_bucket{le="${bound}"}`));
  const [all, sum, count] = [cell(`${name}_bucket{le="+Inf"}`), cell(`${name}_sum`), cell(`${name}_count`)];
  return (value) => {
    bounds.forEach((bound, i) => {
      const bucket = buckets[i];
      if (bucket !== undefined && value <= bound) {
        bucket.value += 1;
      }
    });
    all.value += 1;
    count.value += 1;
    sum.value += value;
  };
}

function seriesOf(name: CounterName, labels: Labels | undefined): string {
  if (labels === undefined) {
    return name;
  }
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value.replaceAll(/["\\\n]/g, "?")}"`);
  return `${name}{${pairs.join(",")}}`;
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

/** A value that is what it is now, beside the counters. */
export interface Gauge {
  readonly name: string;
  readonly doc: string;
  readonly value: number;
}

/** The page that Prometheus reads. */
export function metricsPage(totals: Totals, gauges: readonly Gauge[]): string {
  const out: string[] = [];
  for (const [name, doc] of Object.entries(counterNames)) {
    const full = `goodmailto_${name}_total`;
    out.push(`# HELP ${full} ${doc}`, `# TYPE ${full} counter`);
    for (const [series, value] of Object.entries(totals)) {
      if (series === name || series.startsWith(`${name}{`)) {
        out.push(`${full}${series.slice(name.length)} ${value}`);
      }
    }
  }
  for (const [name, { doc }] of Object.entries(histograms)) {
    const full = `goodmailto_${name}`;
    out.push(`# HELP ${full} ${doc}`, `# TYPE ${full} histogram`);
    for (const [series, value] of Object.entries(totals)) {
      if (series.startsWith(`${name}_`)) {
        out.push(`goodmailto_${series} ${value}`);
      }
    }
  }
  for (const { name, doc, value } of gauges) {
    out.push(`# HELP goodmailto_${name} ${doc}`, `# TYPE goodmailto_${name} gauge`, `goodmailto_${name} ${value}`);
  }
  return `${out.join("\n")}\n`;
}
