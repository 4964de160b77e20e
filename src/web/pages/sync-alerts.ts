/** What of the syncs of this machine, and of the configuration, wants a person's attention. */
import { silentAfter } from "../../compose/incident-report.ts";
import type { IncidentReport } from "../../compose/incident-report.ts";
import type { Fault } from "../../config/toml.ts";
import { number, timeText } from "../html/words.ts";
import type { Alert } from "./alert.ts";

/**
 * Of the syncs; none where there are none, or where this user may not know.
 * @param afterFailures `[alert] after_failures`
 * @param now ms since 1970
 */
export function syncAlerts(report: IncidentReport, afterFailures: number, now: number): Alert[] {
  return [...failureAlerts(report, afterFailures), ...targetAlerts(report), ...silenceAlerts(report, now)];
}

function failureAlerts(report: IncidentReport, afterFailures: number): Alert[] {
  const { failures, since, why, whole, told } = report;
  if (failures === 0) {
    return [];
  }
  const sent = told ? " An alert was sent." : "";
  return [
    {
      level: told || failures >= afterFailures ? "fault" : "warning",
      what: `${failureTitle(report)}, since ${since === null ? "an unknown time" : timeText(since)}`,
      advice: `${why}. The last complete run was ${whole === null ? "not seen here" : timeText(whole)}.${sent}`,
    },
  ];
}

function failureTitle({ failures, last }: IncidentReport): string {
  if (last?.result === "refused") {
    return last.guards.includes("traffic")
      ? "The last list would refuse recipients who get mail, and was not published"
      : "A guard refused the last list";
  }
  return failures === 1 ? "The last sync was not complete" : `The last ${number(failures)} syncs were not complete`;
}

function targetAlerts({ unpushed }: IncidentReport): Alert[] {
  return unpushed.map((name) => ({
    level: "warning",
    what: `The target ${name} lacks the list`,
    advice: "Each sync tries it again; goodmailto publish does so now.",
  }));
}

function silenceAlerts({ last }: IncidentReport, now: number): Alert[] {
  return last === null || now - Date.parse(last.at) <= silentAfter
    ? []
    : [
        {
          level: "warning",
          what: "No sync has ended for a day",
          advice: `The last one ended ${timeText(last.at)}. Is its timer, or sync --cron, running?`,
        },
      ];
}

/** Of the configuration as the relay has loaded it. What concerns the certificate itself is an alert of its own. */
export function configAlerts(warnings: readonly Fault[]): Alert[] {
  return warnings
    .filter(({ key }) => key !== "tls.cert")
    .map(({ file, line, key, message }) => ({
      level: "warning",
      what: `Configuration${key === "" ? "" : ` of ${key}`}: ${message}`,
      advice: `${file}:${line}`,
    }));
}
