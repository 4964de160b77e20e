/** What one process says for all of a relay: which program it is, since when, and how many of them relay. */
import type { Gauge } from "./metrics.ts";
import { version } from "./version.ts";

const started = (Date.now() - performance.now()) / 1000;

/** @param workers that answer */
export function processGauges(workers: number): Gauge[] {
  return [
    { name: "build_info", labels: { version, node: process.versions.node }, value: 1 },
    { name: "start_time_seconds", value: Math.round(started) },
    { name: "workers", value: workers },
  ];
}
