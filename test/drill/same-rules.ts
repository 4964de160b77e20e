/**
 * Proves that the alerts that a drill reports are those of config/monitoring: what its relays counted is given to
 * promtool, as if the fault lasted for two hours, and the same alerts must fire.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Outcome } from "../../src/drill/outcome.ts";
import type { Totals } from "../../src/ops/metrics.ts";
import { metricList } from "../../src/report/metric-names.ts";

const rulesFile = join(import.meta.dirname, "../../config/monitoring/goodmailto.rules.yml");
/** Longer than each `for` that a fault of a drill may wait for. */
const minutes = 120;
const types = new Map(metricList.map(({ name, type }) => [name, type]));

/** By the name of a case, which alerts the drill says; and why promtool does not agree. "": it does. */
export function disagreement(outcomes: readonly Outcome[], at: number): string {
  const cases = outcomes.filter(({ skipped }) => skipped === undefined);
  const scene = {
    interval: "1m",
    input_series: cases.flatMap((outcome) => seriesOf(outcome, at / 1000)),
    promql_expr_test: cases.map(({ name, paged }) => ({
      expr: `count by (alertname) (ALERTS{alertstate="firing",job="${name}"}) * 0`,
      eval_time: `${minutes}m`,
      exp_samples: (paged?.rules ?? []).map((rule) => ({ labels: `{alertname="${rule.name}"}`, value: 0 })),
    })),
  };
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-same-rules-"));
  const file = join(folder, "drill.yml");
  try {
    writeFileSync(file, JSON.stringify({ rule_files: [rulesFile], evaluation_interval: "1m", tests: [scene] }));
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], {
      encoding: "utf8",
      timeout: 60_000,
    });
    return status === 0 && stdout.includes("SUCCESS") ? "" : stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One instance for each time that somebody looked. @param at s since 1970, which is 0 for promtool */
function seriesOf({ name: job, metrics: [before = {}, ...readings] = [] }: Outcome, at: number): object[] {
  return readings.flatMap((now, i) =>
    Object.keys(now).map((series) => {
      const [, short = "", labels = ""] = /^(\w+)(.*)$/.exec(series) ?? [];
      const counter = types.get(`goodmailto_${short}_total`) === "counter";
      const name = `goodmailto_${short}${counter ? "_total" : ""}`;
      const target = `job="${job}",instance="${i}"`;
      const all = labels === "" ? `{${target}}` : labels.replace("{", `{${target},`);
      return {
        series: `${name}${all}`,
        values: counter ? growing(before, now, series) : steady(short, now, series, at),
      };
    }),
  );
}

/** The fault goes on. */
function growing(before: Totals, now: Totals, series: string): string {
  const [from, to] = [before[series] ?? 0, now[series] ?? 0];
  return `${from}+${to - from}x${minutes}`;
}

function steady(name: string, now: Totals, series: string, at: number): string {
  const value = now[series] ?? 0;
  return `${name.endsWith("_timestamp_seconds") ? Math.round(value - at) : value}x${minutes}`;
}
