/** What wants a person's attention: one list for the page of alerts, the overview, and the number beside the navigation. */
import type { StatusReport } from "../../compose/list-report.ts";
import type { PullReport } from "../../compose/pull-report.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import { timeText } from "../html/words.ts";

/** One thing. */
export interface Alert {
  readonly level: "fault" | "warning";
  readonly what: string;
  /** What it means, and what to do. */
  readonly advice: string;
}

const words = { fault: "Fault", warning: "Warning" } as const;

/** As a list. */
export function alertList(alerts: readonly Alert[]): Markup {
  if (alerts.length === 0) {
    return nothing;
  }
  return html`<ul class="notes">
    ${alerts.map(
      ({ level, what, advice }) =>
        html`<li class="note ${level}">
          <span class="state ${level}">${words[level]}</span>
          <strong>${what}</strong>${advice === "" ? nothing : html`<p class="soft">${advice}</p>`}
        </li>`,
    )}
  </ul>`;
}

/** Of the pulls that bring the list. */
export function pullAlerts(pull: PullReport | null): Alert[] {
  return pull?.alarm === true
    ? [
        {
          level: "warning",
          what: `No list could be pulled since ${pull.since ?? "?"}`,
          advice: `${pull.why}. The list that is here stays in use and becomes old.`,
        },
      ]
    : [];
}

/** Of the list. */
export function listAlerts(report: StatusReport): Alert[] {
  switch (report.status) {
    case "invalid":
      return [
        {
          level: "fault",
          what: `The list file cannot be used: ${report.why}, ${report.detail}`,
          advice:
            "A relay that runs keeps the list that it has; one that starts accepts every recipient of the relay domains. Run goodmailto sync where the directory is, and see why it fails.",
        },
      ];
    case "missing":
      return [
        {
          level: "fault",
          what: "There is no list",
          advice:
            "Every recipient of the relay domains is accepted. Run goodmailto sync where the directory is, and see why it fails.",
        },
      ];
    case "denied":
      return [
        {
          level: "warning",
          what: "The list cannot be read by this user",
          advice: `Nothing is known of ${report.path}: ${report.detail}`,
        },
      ];
    case "fresh":
    case "stale":
      return [...ageAlerts(report), ...report.sources.flatMap(sourceAlerts)];
  }
}

type Known = Extract<StatusReport, { readonly status: "fresh" | "stale" }>;

function ageAlerts({ status, held, clock, created }: Known): Alert[] {
  return [
    ...(status === "stale"
      ? [
          {
            level: "fault",
            what: "The list, or a source of it, is older than [snapshot] max_age",
            advice: `It was made ${timeText(created)} and stays in use: new people are refused, and those who left are accepted. See goodmailto doctor on the machine of the sync.`,
          } as const,
        ]
      : []),
    ...(clock === "behind"
      ? [
          {
            level: "warning",
            what: "The list is from the future",
            advice: "The clock of this machine, or that of the sync, jumped: its age is not known.",
          } as const,
        ]
      : []),
    ...(held === null
      ? []
      : [
          {
            level: "warning",
            what: `The list is on hold since ${held}`,
            advice: "No sync replaces it before goodmailto rollback --release.",
          } as const,
        ]),
  ];
}

function sourceAlerts({ name, fault, tried }: Known["sources"][number]): Alert[] {
  return fault === ""
    ? []
    : [
        {
          level: "fault",
          what: `The source ${name} could not be read`,
          advice: `Its previous addresses stay in use. Last tried ${tried === null ? "never" : timeText(tried)}: ${fault}`,
        },
      ];
}
