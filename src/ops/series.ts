/** One series in the text formats of Prometheus: its name with its labels. */
import type { Labels } from "../report/counters.ts";

/** `name{key="value"}`; without labels the name. */
export function seriesOf(name: string, labels: Labels | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}

/** As both formats want it: backslash, quotation mark and line feed. */
function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** The label `le` of a bucket, written as a float in both formats, so that a series is the same in both. */
export function bucketLabel(bound: number | undefined): string {
  return bound === undefined ? "+Inf" : Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}
