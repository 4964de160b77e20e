/** `goodmailto status`: how old the snapshot is and what it holds. Its exit codes are those of Nagios. */
import { Command } from "commander";

import { ownDomains } from "../config/own-domains.ts";
import { incidentPath } from "../files/sync-notes.ts";
import { askRelays } from "../ops/control-client.ts";
import type { Asked } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";
import { pullStatePath } from "../pull/state.ts";
import { shortTime } from "../report/short-time.ts";
import { visible } from "../report/visible.ts";
import { reportIncident } from "../compose/incident-report.ts";
import type { IncidentReport } from "../compose/incident-report.ts";
import { reportStatus } from "../compose/list-report.ts";
import type { DomainReport, StatusReport } from "../compose/list-report.ts";
import { reportPull } from "../compose/pull-report.ts";
import type { PullReport } from "../compose/pull-report.ts";
import type { RelayReport } from "../compose/relay-answers.ts";
import { formatReports, reportsOf } from "../compose/running-relays.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { trustForCommand } from "../compose/trust.ts";

const help = `
Exit status: 0 fresh, 1 stale or an alert was sent, 2 missing, or invalid: no relay that starts would use it,
  3 this user may not read the files, so nothing is known, 78 configuration error`;

/** Builds the verb. */
export function statusCommand(): Command {
  return new Command("status")
    .description("Show the age and contents of the snapshot, and how the running relay is")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--json", "print one JSON object")
    .addHelpText("after", help)
    .action(async ({ config, json }: { config: string; json?: true }) => {
      const settings = loadSettings(config, []);
      if (settings === undefined) {
        process.exitCode = exit.config;
        return;
      }
      const trust = trustForCommand(settings);
      if (trust === undefined) {
        return;
      }
      const report = reportStatus(settings.snapshot, Date.now(), trust, ownDomains(settings));
      const sync = reportIncident(settings);
      const pull = reportPull(settings);
      const asked = await askRelays(settings.smtp.status_folder, { ask: "report" });
      const relays = reportsOf(asked);
      const text =
        json === true
          ? `${JSON.stringify({ ...report, sync, pull, relays, silent: asked.silent })}\n`
          : formatStatus(report, relays) +
            formatIncident(sync, settings.snapshot) +
            formatPull(pull, settings.snapshot) +
            formatReports(relays) +
            silentText(asked);
      process.stdout.write(text);
      const code = { fresh: 0, stale: 1, missing: 2, invalid: 2, denied: exit.unknown }[report.status];
      const isAlarming = sync.told || pull?.alarm === true;
      const isDenied = sync.denied || pull?.denied === true;
      process.exitCode = isDenied ? exit.unknown : Math.max(code, isAlarming ? 1 : 0);
    });
}

function silentText({ silent }: Asked): string {
  return silent.map(({ path, why }) => `relay: ${path} does not answer: ${why}\n`).join("");
}

function formatIncident(
  { failures, since, why, told, unpushed, denied }: IncidentReport,
  { path }: { path: string },
): string {
  if (denied) {
    return `sync: not known, ${deniedText(incidentPath(path))}`;
  }
  const incident =
    failures === 0 ? "" : `sync: ${failures} failures since ${since ?? "?"}${told ? ", alert sent" : ""}: ${why}\n`;
  return `${incident}${unpushed.map((name) => `target ${name}: lacks this list\n`).join("")}`;
}

function formatPull(pull: PullReport | null, { path }: { path: string }): string {
  if (pull === null || (pull.failures === 0 && !pull.denied)) {
    return "";
  }
  const { failures, since, why, denied } = pull;
  return denied
    ? `pull: not known, ${deniedText(pullStatePath(path))}`
    : `pull: ${failures} failures since ${since ?? "?"}: ${visible(why)}\n`;
}

/** For people: one line for the whole, one a source. @param relays that run, and may have another list than the file's */
export function formatStatus(report: StatusReport, relays: readonly RelayReport[] = []): string {
  if (report.status === "denied") {
    return `denied: ${deniedText(report.path)}`;
  }
  if (report.status === "missing" || report.status === "invalid") {
    const { status, path, why, detail } = report;
    return status === "missing"
      ? `missing: ${path}, there is no such file: every recipient is accepted\n`
      : `invalid: ${path} cannot be used (${why}: ${visible(detail)}): ${servedInstead(relays)}\n`;
  }
  const lines = report.sources.map(({ name, addresses, kinds, read, fault, tried }) => {
    const list = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
    const failure = fault === "" ? "" : `, failed ${tried}: ${fault}`;
    return `source ${name}: ${addresses} addresses (${list.join(", ") || "none"}), read ${read ?? "never"}${failure}`;
  });
  const domains = report.domains.map(formatDomain);
  const { status, path, addresses, held, created, looked, age, clock } = report;
  const since = clock === "behind" ? behind : `${shortTime(age)} ago`;
  const hold =
    held === null ? [] : [`on hold since ${held}: no sync replaces it before \`goodmailto rollback --release\``];
  const wait =
    report.waits_until === null
      ? []
      : [
          `waits until ${report.waits_until}: relays with [snapshot] canary use the previous list, and accept whom this one adds`,
        ];
  return [
    `${status}: ${path}, ${addresses} addresses, made ${created}, ${since}${looked === null ? "" : `, found the same ${looked}`}`,
    ...hold,
    ...wait,
    ...lines,
    ...domains,
    "",
  ].join("\n");
}

/** A relay that runs keeps the list that it had before the bad file came. */
function servedInstead(relays: readonly RelayReport[]): string {
  const lists = new Set(
    relays.flatMap(({ list, addresses }) => (list === null ? [] : [`${list} with ${addresses} addresses`])),
  );
  return lists.size === 0
    ? "every recipient is accepted"
    : `the running relay still uses the list of ${[...lists].join(", and that of ")}; one that starts now accepts every recipient`;
}

function formatDomain({ name, mode, catch_all: from, opened_by: source }: DomainReport): string {
  const none = from === "directory" && !name.startsWith(".") ? ", no catch-all in the list" : "";
  return `domain ${name}: mode ${mode}${source === null ? none : `, opened by a catch-all of source ${source}`}`;
}

/** A list from the future says nothing about its age. */
const behind = "after the time of this machine: its clock, or that of the sync, jumped";

function deniedText(path: string): string {
  return `${path} cannot be read by this user (permission denied): run status as the user of the relay or of the sync\n`;
}
