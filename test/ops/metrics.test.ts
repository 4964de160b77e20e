/** Counters as Prometheus reads them. */
import { describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { formatFor, metricsPage } from "../../src/ops/exposition.ts";
import { createMetrics, joinGauges, sumTotals } from "../../src/ops/metrics.ts";
import { counterNames } from "../../src/report/metric-names.ts";

const pageOf = (metrics: ReturnType<typeof createMetrics>): string[] => metricsPage(metrics.totals(), []).split("\n");

describe("metrics", () => {
  it("has every counter with 0 before anything was counted", () => {
    const page = pageOf(createMetrics(checks));
    for (const name of Object.keys(counterNames)) {
      const series = page.filter((line) => line.startsWith(`goodmailto_${name}_total`));
      expect([name, series.length > 0, series.filter((line) => !line.endsWith(" 0"))]).toEqual([name, true, []]);
    }
    expect(page).toContain("goodmailto_failed_open_total 0");
    expect(page).toContain('goodmailto_limits_total{limit="harvest block"} 0');
    expect(page).toContain('goodmailto_recipients_total{check="badmailfrom",verdict="refused"} 0');
    expect(page).toContain('goodmailto_hop_replies_total{code="none"} 0');
  });

  it("counts into the series that are there, and makes no second one", () => {
    const metrics = createMetrics(checks);
    metrics.add("connections", { result: "denied" });
    metrics.add("failed_open", undefined, 3);
    metrics.add("recipients", { check: "goodmailto", verdict: "accepted" });
    const page = pageOf(metrics);
    expect(page.filter((line) => line.startsWith("goodmailto_connections_total"))).toEqual([
      'goodmailto_connections_total{result="accepted"} 0',
      'goodmailto_connections_total{result="denied"} 1',
    ]);
    expect(page).toContain("goodmailto_failed_open_total 3");
    expect(page.filter((line) => line.includes('check="goodmailto",verdict="accepted"'))).toHaveLength(1);
  });

  it("has them also as the sum of several workers", () => {
    const [one, other] = [createMetrics(checks), createMetrics(checks)];
    other.add("session_faults");
    const page = metricsPage(sumTotals([one.totals(), other.totals()]), []);
    expect(page).toContain("\ngoodmailto_session_faults_total 1\n");
    expect(page).toContain('\ngoodmailto_logins_total{result="blocked"} 0\n');
  });

  it("puts a value into its bucket and all above it, and into no second series", () => {
    const [one, other] = [createMetrics(), createMetrics()];
    const labels = { command: "RCPT" };
    one.observe("hop_seconds", 0.005, labels);
    one.observe("hop_seconds", 0.7, { ...labels });
    other.observe("hop_seconds", 1000, labels);
    const page = metricsPage(sumTotals([one.totals(), other.totals()]), []).split("\n");
    const of = (le: string): string | undefined =>
      page.find((line) => line.startsWith(`goodmailto_hop_seconds_bucket{command="RCPT",le="${le}"}`))?.split(" ")[1];
    expect(["0.001", "0.005", "0.5", "1.0", "300.0", "+Inf"].map(of)).toEqual(["0", "1", "1", "2", "2", "3"]);
    expect(page).toContain('goodmailto_hop_seconds_sum{command="RCPT"} 1000.705');
    expect(page).toContain('goodmailto_hop_seconds_count{command="RCPT"} 3');
    expect(page).toContain('goodmailto_rcpt_seconds_bucket{le="+Inf"} 0');
  });

  it("adds the sessions of workers, and lets the worker that has no snapshot speak for all", () => {
    const joined = joinGauges([
      [
        { name: "sessions", value: 3 },
        { name: "snapshot_available", value: 1 },
        { name: "snapshot_alarm", value: 0 },
      ],
      [
        { name: "sessions", value: 4 },
        { name: "snapshot_available", value: 0 },
        { name: "snapshot_alarm", value: 1 },
      ],
    ]);
    expect(joined.map(({ value }) => value)).toEqual([7, 0, 1]);
  });

  it("starts the series of a check that a reload brings, and keeps those that have counted", () => {
    const metrics = createMetrics([{ name: "dnsbl:one", reasons: { listed: "listed" } }]);
    metrics.add("refusals", { reason: "listed", check: "dnsbl:one" });
    metrics.start(["dnsbl:one", "dnsbl:two"].map((name) => ({ name, reasons: { listed: "listed" } })));
    expect(
      pageOf(metrics).filter((line) => line.startsWith("goodmailto_refusals_total{") && line.includes("dnsbl")),
    ).toEqual([
      'goodmailto_refusals_total{reason="listed",check="dnsbl:one"} 1',
      'goodmailto_refusals_total{reason="listed",check="dnsbl:two"} 0',
    ]);
  });

  it("escapes what an administrator may have in a name", () => {
    const page = metricsPage({}, [{ name: "source_failed", labels: { source: 'a"b\\c\nd' }, value: 1 }]);
    expect(page).toContain('\ngoodmailto_source_failed{source="a\\"b\\\\c\\nd"} 1\n');
  });

  it("is OpenMetrics for those who ask for it: families without _total, units, and an end", () => {
    expect([formatFor(undefined), formatFor("*/*")]).toEqual(["text", "text"]);
    const format = formatFor("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2");
    const lines = metricsPage(createMetrics().totals(), [], format).split("\n");
    expect(lines).toContain("# TYPE goodmailto_failed_open counter");
    expect(lines).toContain("goodmailto_failed_open_total 0");
    expect(lines).toContain("# UNIT goodmailto_rcpt_seconds seconds");
    expect(lines.slice(-2)).toEqual(["# EOF", ""]);
  });
});
