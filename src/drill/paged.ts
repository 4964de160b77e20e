/** Who would have been paged: alerts of config/monitoring, of the status page, of `[alert]`, and lines of the log. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { silentAfter } from "../compose/incident-report.ts";
import type { IncidentReport } from "../compose/incident-report.ts";
import type { StatusReport } from "../compose/list-report.ts";
import type { RelayReport } from "../compose/relay-answers.ts";
import type { Settings } from "../config/sections.ts";
import { seriesNamed, sumOf } from "../ops/figures.ts";
import type { Totals } from "../ops/metrics.ts";
import { listAlerts } from "../web/pages/alert.ts";
import type { Alert } from "../web/pages/alert.ts";
import { limits } from "../web/pages/rate-alerts.ts";
import { alarmsOf, countAlerts, relayAlerts } from "../web/pages/relay-alerts.ts";
import { syncAlerts } from "../web/pages/sync-alerts.ts";
import { fileNames } from "./derive.ts";

/** An alert of config/monitoring/goodmailto.rules.yml. */
export interface Rule {
  readonly name: string;
  readonly severity: "critical" | "warning";
  /** How long it must be so before somebody is called. */
  readonly after: string;
}

/** A line of the log that is a warning or an error. */
export interface LogLine {
  readonly by: "sync" | "relay";
  readonly level: "warning" | "error";
  readonly text: string;
}

/** Everything that would have called somebody. */
export interface Paged {
  readonly rules: readonly Rule[];
  readonly page: readonly Alert[];
  /** What `[alert]` did; undefined: it names nobody. */
  readonly alert: string | undefined;
  readonly log: readonly LogLine[];
}

/** ms for the metrics of a relay on a busy machine. */
const patience = 20_000;

/** What `status --json` prints, as far as it is used here. */
export type StatusJson = StatusReport & {
  readonly sync: IncidentReport;
  readonly relays: readonly RelayReport[];
  readonly silent: readonly { readonly path: string; readonly why: string }[];
};

/** Whether it holds. `grew`: counters since the fault; `at`: s since 1970 by a right clock. */
type Holds = (now: Totals, grew: Totals, at: number) => boolean;

/**
 * The rules that a drill can fire. That they are those of the file, and that no other one fires in a case, is proven by
 * promtool with what the relays of a drill counted: test/drill/same-rules.ts.
 */
export const rules: readonly (Rule & { readonly holds: Holds })[] = [
  rule("GoodmailtoListMissing", "critical", "1m", (now) => has(now, "snapshot_available", 0)),
  rule("GoodmailtoFailedOpen", "critical", "0m", (_, grew) => sumOf(grew, "failed_open") > 0),
  rule(
    "GoodmailtoListAlarm",
    "warning",
    "5m",
    (now) => has(now, "snapshot_alarm", 1) && has(now, "snapshot_available", 1),
  ),
  rule("GoodmailtoListOld", "warning", "10m", (now) => has(now, "snapshot_stale", 1)),
  rule("GoodmailtoSyncFailing", "warning", "0m", (now) => sumOf(now, "sync_failures") >= 3),
  rule("GoodmailtoSyncSilent", "warning", "10m", (now, _, at) =>
    seriesNamed(now, "sync_last_run_timestamp_seconds").some(({ value }) => at - value > silentAfter / 1000),
  ),
  rule("GoodmailtoSourceFailed", "warning", "1h", (now) => has(now, "source_failed", 1)),
  rule("GoodmailtoGuardHolds", "warning", "0m", (now) => sumOf(now, "sync_refused", "guard", "list") === 1),
  rule("GoodmailtoHopDown", "critical", "5m", (_, grew) => sumOf(grew, "hop_replies", "code", "none") > 0),
  rule(
    "GoodmailtoHopDefers",
    "warning",
    "15m",
    (_, grew) => sumOf(grew, "hop_replies", "code", "4") / sumOf(grew, "hop_replies") > limits.deferred,
  ),
  rule("GoodmailtoCheckFaults", "warning", "0m", (_, grew) => sumOf(grew, "check_faults") > 0),
  rule("GoodmailtoSessionFaults", "warning", "0m", (_, grew) => sumOf(grew, "session_faults") > 0),
];

function rule(name: string, severity: Rule["severity"], after: string, holds: Holds): Rule & { readonly holds: Holds } {
  return { name, severity, after, holds };
}

function has(totals: Totals, name: string, value: number): boolean {
  return seriesNamed(totals, name).some((series) => series.value === value);
}

/** Metrics of the relay, but histograms, by their names without prefix and `_total`. Never rejects; {}: there are none. */
export async function readMetrics(port: number): Promise<Totals> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(patience) });
    const found = (await response.text()).matchAll(/^goodmailto_(\w+?)(?:_total)?(\{.*\})? (\S+)$/gm);
    return Object.fromEntries(
      Array.from(found, ([, name = "", labels = "", value]) => [`${name}${labels}`, Number(value)]).filter(
        ([series]) => !/_(?:bucket|sum|count)(?:\{|$)/.test(String(series)),
      ),
    );
  } catch {
    return {};
  }
}

/** The rules that hold. @param at ms since 1970 */
export function firedRules(before: Totals, now: Totals, at: number): Rule[] {
  const grew = Object.fromEntries(Object.entries(now).map(([name, value]) => [name, value - (before[name] ?? 0)]));
  return rules.flatMap(({ holds, ...fired }) => (holds(now, grew, at / 1000) ? [fired] : []));
}

/** What the status page would show, by what `status --json` says and the relay counted. @param now ms since 1970 */
export function pageAlerts(
  status: StatusJson | undefined,
  totals: Totals,
  afterFailures: number,
  now: number,
): Alert[] {
  return status === undefined
    ? []
    : [
        ...listAlerts(status),
        ...syncAlerts(status.sync, afterFailures, now),
        ...relayAlerts(
          status.relays,
          status.silent.map(({ path, why }) => `${path}: ${why}`),
        ),
        ...countAlerts(alarmsOf(totals), undefined),
      ];
}

/** Warnings and errors among the lines, each once; what was said before the fault is left out. */
export function urgentLines(by: LogLine["by"], text: string, usual: ReadonlySet<string> = new Set()): LogLine[] {
  const lines = text.split("\n").flatMap((line): LogLine[] => {
    const { level, part, event, time: _, ...fields } = parseLine(line);
    // Of the configuration: that of the sandbox is not the site's.
    const isUrgent = part !== "config" && (level === "warning" || level === "error");
    const more = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
    return isUrgent ? [{ by, level, text: [`${String(part)}: ${String(event)}`, ...more].join(" ") }] : [];
  });
  const once = new Map(lines.map((line) => [line.text.replaceAll(/session=\S+|\d+/g, "0"), line]));
  return [...once.values()].filter((line) => !usual.has(line.text));
}

/** A line of the log as JSON; {}: it is none. */
export function parseLine(line: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(line);
    return typeof read === "object" ? { ...read } : {};
  } catch {
    return {};
  }
}

/** What the command of `[alert]` noted in the sandbox. */
export function alertText({ alert }: Settings, folder: string): string | undefined {
  const path = join(folder, fileNames.alerts);
  const to = [...alert.mail, ...(alert.command.length > 0 ? [`the command ${alert.command[0] ?? ""}`] : [])].join(", ");
  if (to === "") {
    return undefined;
  }
  const said = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  return said.length === 0
    ? `nothing to ${to}`
    : said.map((line) => `${line.replace(/ (\d+)$/, " after $1 failures")} to ${to}`).join("; ");
}
