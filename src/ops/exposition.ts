/**
 * The page that Prometheus reads, in its text format 0.0.4 or in OpenMetrics 1.0, and the file that the textfile
 * collector of node_exporter reads, which is in the former.
 */
import { metricList } from "../report/metric-names.ts";
import type { Metric } from "../report/metric-names.ts";
import type { Gauge, Totals } from "./metrics.ts";
import { seriesOf } from "./series.ts";

/** The formats, with their content types. */
export const formats = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;
export type Format = keyof typeof formats;

/** The format that a client wants. @param accept the header of its request */
export function formatFor(accept: string | undefined): Format {
  return accept?.includes("application/openmetrics-text") === true ? "openmetrics" : "text";
}

/**
 * Every metric with its help, type and samples.
 * @param only of these metrics
 */
export function metricsPage(
  totals: Totals,
  gauges: readonly Gauge[],
  format: Format = "text",
  only: (metric: Metric) => boolean = () => true,
): string {
  const samples = samplesByName(totals, gauges);
  const lines = metricList
    .filter(only)
    .flatMap((metric) => [...headOf(metric, format), ...namesOf(metric).flatMap((name) => samples.get(name) ?? [])]);
  return `${[...lines, ...(format === "openmetrics" ? ["# EOF"] : [])].join("\n")}\n`;
}

/** The key under which the samples of a metric are found: that of its family. */
function namesOf({ name, type }: Metric): string[] {
  return [type === "counter" ? name.slice(0, -"_total".length) : name];
}

/** OpenMetrics names the family of a counter without its suffix. */
function headOf(metric: Metric, format: Format): string[] {
  const [family = metric.name] = format === "openmetrics" ? namesOf(metric) : [metric.name];
  const unit = /_(seconds|bytes)$/.exec(family)?.[1];
  const head = [`# HELP ${family} ${metric.doc}`, `# TYPE ${family} ${metric.type}`];
  return format === "openmetrics" && unit !== undefined ? [...head, `# UNIT ${family} ${unit}`] : head;
}

/** Lines of the page by the family that they belong to. */
function samplesByName(totals: Totals, gauges: readonly Gauge[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const put = (family: string, line: string): void => {
    const lines = found.get(family) ?? [];
    found.set(family, lines);
    lines.push(line);
  };
  for (const [series, value] of Object.entries(totals)) {
    const name = series.split("{", 1)[0] ?? series;
    const family = /^(.*_seconds)_(?:bucket|sum|count)$/.exec(name)?.[1];
    const line = `goodmailto_${family === undefined ? `${name}_total` : name}${series.slice(name.length)} ${value}`;
    put(`goodmailto_${family ?? name}`, line);
  }
  for (const { name, labels, value } of gauges) {
    put(`goodmailto_${name}`, `goodmailto_${seriesOf(name, labels)} ${value}`);
  }
  return found;
}
