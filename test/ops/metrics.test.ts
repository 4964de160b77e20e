/** Counters as Prometheus reads them. */
import { describe, expect, it } from "vitest";

import { checks } from "../../src/checks/registry.ts";
import { createMetrics, metricsPage, sumTotals } from "../../src/ops/metrics.ts";
import { counterNames } from "../../src/report/counters.ts";

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
});
