/** Alerts of the status page about rates: when, and that they are those of config/monitoring. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { figuresOf } from "../../src/ops/figures.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { Totals } from "../../src/ops/metrics.ts";
import type { RelayReport } from "../../src/compose/relay-answers.ts";
import type { StatusReport } from "../../src/compose/list-report.ts";
import { listInUse } from "../../src/web/pages/list-in-use.ts";
import { limits, rateAlerts, rateRules, ratesOf } from "../../src/web/pages/rate-alerts.ts";
import { Samples } from "../../src/web/pages/samples.ts";

const minute = 60_000;
const start = Date.UTC(2026, 10, 28, 12);
const rules = readFileSync(join(import.meta.dirname, "../../config/monitoring/goodmailto.rules.yml"), "utf8");

/** What the page says after so many minutes, of which each has these totals. */
function said(minutes: number, totals: (after: number) => Totals): string[] {
  const samples = new Samples();
  for (let after = 0; after <= minutes; after++) {
    const now = totals(after);
    samples.take(start + after * minute, {
      ...{ figures: figuresOf(now), rates: ratesOf(now), alarms: {}, age: 0, sessions: 0 },
    });
  }
  const now = start + minutes * minute;
  return rateAlerts((from, to) => samples.counted(now, from, to)).map(({ what }) => what);
}

describe("alerts about rates", () => {
  it("have the limits, windows and levels of the rules of Prometheus", () => {
    for (const { rule, level, window, held = window } of rateRules) {
      const [, block = ""] = new RegExp(`alert: ${rule}\\n([^]*?)annotations:`).exec(rules) ?? [];
      expect(block, rule).toContain(`[${window}m]`);
      expect(block, rule).toContain(`for: ${held}m\n`);
      expect(block, rule).toContain(`severity: ${level === "fault" ? "critical" : "warning"}\n`);
    }
    for (const end of [
      `rate(goodmailto_hop_replies_total[15m])) > ${limits.deferred}'`,
      `{check="goodmailto",reason="unknown"}[10m])) > ${limits.unknown} and`,
      `{check="goodmailto",reason="unknown"}[10m])) > ${limits.unknownTimes} * sum by`,
      `rate(goodmailto_lookups_total[10m])) > ${limits.lookupFaults}'`,
      `increase(goodmailto_worker_restarts_total[15m]) > ${limits.restarts}'`,
      `histogram_quantile(${1 - limits.slowShare}, sum by (job, instance, le) (rate(goodmailto_rcpt_seconds_bucket[10m]))) > ${limits.slow}'`,
    ]) {
      expect(rules).toContain(end);
    }
  });

  it("tell of a next hop that goes on not answering, and of a single time not", () => {
    const silent = (count: number): Totals => ({ 'hop_replies{code="none"}': count, 'hop_replies{code="250"}': 900 });
    expect(said(12, (after) => silent(after))).toEqual(["A next hop does not answer: 5 times in the last 5 minutes"]);
    expect(said(12, (after) => silent(after < 10 ? 0 : 1))).toEqual([]);
    expect(said(30, (after) => silent(Math.min(after, 10)))).toEqual([]);
    // Not known for long enough.
    expect(said(4, (after) => silent(after))).toEqual([]);
  });

  it("tell of a next hop that defers more than a fifth", () => {
    const replies = (bad: number) => (after: number) => ({
      'hop_replies{code="250"}': after * (10 - bad),
      'hop_replies{code="451"}': after * bad,
    });
    expect(said(40, replies(3))).toEqual([
      '30% of what the next hop says is "try again later", for a quarter of an hour',
    ]);
    expect(said(40, replies(2))).toEqual([]);
  });

  it("tell of many more unknown recipients than usual, and not of a site that always has as many", () => {
    const unknown = (count: number): Totals => ({
      'refusals{check="goodmailto",reason="unknown"}': count,
      'refusals{check="goodmailto",reason="harvest"}': count * 100,
    });
    const jump = (after: number): Totals => unknown(after < 1420 ? after : 1420 + (after - 1420) * 60);
    expect(said(1441, jump)).toEqual(["Many more unknown recipients than usual: 600 in the last 10 minutes"]);
    expect(said(1441, (after) => unknown(after * 60))).toEqual([]);
    expect(said(1441, (after) => unknown(after < 1420 ? 0 : (after - 1420) * 20))).toEqual([]);
  });

  it("tell of clients that are turned away, and of lookups without an answer", () => {
    const full = (after: number): Totals => ({
      'limits{limit="connections"}': after,
      'limits{limit="junk"}': 7 * after,
    });
    expect(said(25, full)).toEqual(["10 clients were turned away in the last 10 minutes: a limit is reached"]);
    const lookups = (bad: number) => (after: number) => ({
      'lookup_faults{why="internal error"}': after * bad,
      'lookups{protocol="policy",verdict="known"}': after * 20,
    });
    expect(said(25, lookups(2))).toEqual(["Other mail servers got no answer to 20 lookups in 10 minutes"]);
    expect(said(25, lookups(1))).toEqual([]);
  });

  it("tell of workers that are started again twice within a quarter of an hour, at once", () => {
    const restarts = (count: number): Totals => ({ worker_restarts: count });
    const twice = "Workers crash or hang: 2 were started again in the last 15 minutes";
    expect(said(8, (after) => restarts(Math.max(0, after - 6)))).toEqual([twice]);
    expect(said(8, (after) => restarts(after < 8 ? 4 : 5))).toEqual([]);
    expect(said(40, (after) => restarts(after < 20 ? 0 : 3))).toEqual([]);
  });

  it("tell of recipients that wait, by the distribution of a real relay's counters", () => {
    const waiting = (slow: number) => {
      const metrics = createMetrics();
      const all = Array.from({ length: 26 }, () => {
        for (let one = 0; one < 100; one++) {
          metrics.observe("rcpt_seconds", one < slow ? limits.slow + 0.1 : limits.slow);
        }
        return metrics.totals();
      });
      return (after: number): Totals => all[after] ?? {};
    };
    expect(said(25, waiting(6))).toEqual([
      "6% of the recipients waited longer than 10 seconds for their reply in the last 10 minutes",
    ]);
    expect(said(25, waiting(5))).toEqual([]);
    // It must have been so for ten minutes.
    const [quick, slow] = [waiting(0), waiting(50)];
    expect(said(18, (after) => (after < 10 ? quick(after) : slow(after)))).toEqual([]);
    // No recipient waits where none comes.
    expect(said(25, () => waiting(0)(0))).toEqual([]);
  });

  it("count on after a new start of the relay", () => {
    const restarted = (after: number): Totals => ({ 'hop_replies{code="none"}': after < 8 ? 100 + after : after - 8 });
    expect(said(12, restarted)).toEqual(["A next hop does not answer: 4 times in the last 5 minutes"]);
  });
});

describe("the list in use", () => {
  const file = { status: "fresh", age: 5, addresses: 9 } as StatusReport;
  const torn: StatusReport = { status: "invalid", path: "x", why: "torn", detail: "" };
  const relay = (list: string | null, addresses: number) => ({ list, addresses }) as RelayReport;
  const at = (age: number): string => new Date(start - age * 1000).toISOString();

  it("is that of the relay, of the oldest process, and that of the file only if none answers", () => {
    expect(listInUse(torn, [relay(at(60), 3), relay(at(90), 2)], start)).toEqual({ age: 90, addresses: 2 });
    expect(listInUse(file, [relay(at(60), 3), relay(null, 0)], start)).toBeUndefined();
    expect(listInUse(file, [relay(at(-60), 3)], start)).toEqual({ age: 0, addresses: 3 });
    expect(listInUse(file, [], start)).toEqual({ age: 5, addresses: 9 });
    expect(listInUse(torn, [], start)).toBeUndefined();
  });
});
