/** The dashboard and the alerts of config/monitoring: their metrics exist, their expressions are right, each alert fires. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { metricList } from "../../src/report/metric-names.ts";
import { missing } from "../fakes/need.ts";
import { alertCases } from "./alert-cases.ts";

const root = join(import.meta.dirname, "../..");
const rulesFile = join(root, "config/monitoring/goodmailto.rules.yml");
const rules = readFileSync(rulesFile, "utf8");

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

const dashboard: {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
} = JSON.parse(readFileSync(join(root, "config/monitoring/goodmailto-dashboard.json"), "utf8"));
const panels = dashboard.panels.filter(({ type }) => type !== "row");

/** Of a rule in YAML, in single quotes. */
const ruleExpressions = [...rules.matchAll(/^ {8}expr: '(.*)'$/gm)].map(([, text = ""]) => text.replaceAll("''", "'"));
const panelExpressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);

const known = new Map(metricList.map((metric) => [metric.name, metric]));
/** The metric that an expression means. */
const metricOf = (name: string) => known.get(name) ?? known.get(name.replace(/_(?:bucket|sum|count)$/, ""));

/** Labels that Prometheus adds, and the one of buckets. */
const added = ["job", "instance", "le"];

function promtool(...words: string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync("promtool", words, { encoding: "utf8", timeout: 20_000 });
  return { status, said: stdout + stderr };
}

const success = { status: 0, said: expect.stringContaining("SUCCESS") };

/** As Prometheus stores it. */
function withTarget(series: string, instance: string): string {
  const target = `job="mail",instance="${instance}"`;
  return series.includes("{") ? series.replace("{", `{${target},`) : `${series}{${target}}`;
}

describe("config/monitoring", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-rules-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** JSON is YAML. */
  const write = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  it.each([
    ["alerts", ruleExpressions],
    ["dashboard", panelExpressions],
  ])("names only metrics and labels of the registry: %s", (_of, expressions) => {
    expect(expressions.length).toBeGreaterThan(20);
    for (const expression of expressions) {
      for (const [, name = "", set = ""] of expression.matchAll(/\b(goodmailto_[a-z_]+)(?:\{([^}]*)\})?/g)) {
        const labels = [...set.matchAll(/(\w+)(?:=|!)/g)].map(([, label = ""]) => label);
        const allowed = [...(metricOf(name)?.labels ?? []), ...added];
        expect([name, metricOf(name) !== undefined, labels.filter((label) => !allowed.includes(label))]).toEqual([
          name,
          true,
          [],
        ]);
      }
      const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(", "));
      const names = [...expression.matchAll(/\bgoodmailto_[a-z_]+/g)].map(([name]) => name);
      const allowed = [...names.flatMap((name) => metricOf(name)?.labels ?? []), ...added];
      expect([expression, grouped.filter((label) => !allowed.includes(label))]).toEqual([expression, []]);
    }
  });

  it("shows every metric of the registry but the start time, or warns of it", () => {
    const text = [...ruleExpressions, ...panelExpressions].join("\n");
    const unseen = metricList.flatMap(({ name }) => (text.includes(name) ? [] : [name]));
    expect(unseen).toEqual(["goodmailto_start_time_seconds", "goodmailto_workers"]);
  });

  it("has a dashboard that Grafana 10 imports with any data source", () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(38);
    expect(dashboard.templating.list.find(({ name }) => name === "datasource")?.type).toBe("datasource");
    const sources = panels.flatMap((panel) => [
      panel.datasource,
      ...(panel.targets ?? []).map((one) => one.datasource),
    ]);
    expect(new Set(sources.map((source) => source?.uid))).toEqual(new Set(["${datasource}"]));
    expect(panels.length).toBe(new Set(panels.map(({ title }) => title)).size);
  });

  it("has for each alert a summary, and a runbook that leads to a heading of docs/troubleshooting.md", () => {
    const headings = readFileSync(join(root, "docs/troubleshooting.md"), "utf8").matchAll(/^### (\w+)$/gm);
    const described = [...headings].map(([, name = ""]) => name);
    expect(described).toEqual(alerts);
    const links = [...rules.matchAll(/runbook_url: file:\S*docs\/troubleshooting\.md#(\S+)$/gm)].map(([, to]) => to);
    expect(links).toEqual(alerts.map((name) => name.toLowerCase()));
    expect(rules.match(/^ {10}summary: '.+'$/gm)).toHaveLength(alerts.length);
  });

  it("has a case for each alert", () => {
    expect(alertCases.map(({ alert }) => alert)).toEqual(alerts);
  });

  /** Cases of one step as one scene of promtool, which has a machine for each: those that fire, and those that do not. */
  const sceneOf = (step: number, isWanted: (alert: string) => boolean = () => true) => {
    const cases = alertCases
      .filter((one) => (one.step ?? 1) === step && isWanted(one.alert))
      .flatMap(({ alert, at, fires, silent }) => [
        { alert, at, instance: `${alert} fires`, series: fires, value: 1 },
        { alert, at, instance: `${alert} silent`, series: silent, value: 0 },
      ]);
    return {
      interval: `${step}m`,
      input_series: cases.flatMap(({ instance, series }) =>
        Object.entries(series).map(([name, values]) => ({ series: withTarget(name, instance), values })),
      ),
      promql_expr_test: cases.map(({ alert, at, instance, value }) => ({
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing",instance="${instance}"}) or vector(0)`,
        eval_time: `${at}m`,
        exp_samples: [{ labels: "{}", value }],
      })),
    };
  };

  it.skipIf(missing("promtool"))("has alerts that fire, and are silent where they should be", () => {
    for (const step of [1, 5, 60]) {
      const scene = sceneOf(step, (alert) => alert !== "GoodmailtoAbsent");
      const tests = { rule_files: [rulesFile], evaluation_interval: `${step}m`, tests: [scene] };
      expect(promtool("test", "rules", write("cases.yml", tests))).toEqual(success);
    }
  });

  it.skipIf(missing("promtool"))("has an alert for the case that there is nothing, which fires then alone", () => {
    const absent = alertCases.find(({ alert }) => alert === "GoodmailtoAbsent");
    const tests = [absent?.fires, absent?.silent].map((series = {}, i) => ({
      interval: "1m",
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [],
      promql_expr_test: [
        {
          expr: 'count(ALERTS{alertstate="firing"}) or vector(0)',
          eval_time: "10m",
          exp_samples: [{ labels: "{}", value: 1 - i }],
        },
      ],
    }));
    const file = write("absent.yml", { rule_files: [rulesFile], evaluation_interval: "1m", tests });
    expect(promtool("test", "rules", file)).toEqual(success);
  });

  it.skipIf(missing("promtool"))("has expressions that Prometheus understands", () => {
    expect(promtool("check", "rules", rulesFile).status).toBe(0);
    const plain = panelExpressions.map((expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*"));
    const recorded = plain.map((expr, i) => ({ record: `panel:${i}`, expr }));
    const file = write("panels.yml", { groups: [{ name: "panels", rules: recorded }] });
    expect(promtool("check", "rules", file)).toEqual(success);
  });
});
