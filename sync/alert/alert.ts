/** Alerts about a sync that keeps failing: a log line, the `[alert]` command, a mail through the next hop. */
import { spawn } from "node:child_process";

import { errorMessage } from "../../src/report/error-message.ts";
import { killGroup } from "../../src/spp/program.ts";
import type { Settings } from "../../src/config/sections.ts";
import type { Log } from "../../src/report/log.ts";
import type { Accepted } from "../remember/day.ts";
import {
  afterPushing,
  afterRun,
  afterTakingBack,
  afterTelling,
  readIncident,
  writeIncident,
} from "../remember/incident.ts";
import type { AlertEvent, Incident } from "../remember/incident.ts";
import type { SyncOutcome } from "../run/full.ts";
import { describe } from "./facts.ts";
import type { AlertFacts } from "./facts.ts";
import type { OpenCourier } from "./mail.ts";
import { createdAt } from "../list/previous.ts";

/** Time limit for the command, in ms; then it and what it started are killed. */
const commandTimeout = 60_000;

/** Records a run, and sends alerts if needed. Rejects never: an alert must not fail a sync. */
export async function noteRun(
  settings: Settings,
  outcome: SyncOutcome,
  log: Log,
  openCourier: OpenCourier,
  accepted: Accepted = {},
): Promise<void> {
  const { path, max_age: maxAge } = settings.snapshot;
  const before = readIncident(path);
  const limits = { afterFailures: settings.alert.after_failures, maxAge };
  const failed = outcome.kind === "failed" || outcome.kind === "refused" || outcome.kind === "held";
  // Reading the complete snapshot for its date is worth it only if a date is asked for.
  const created = failed && before.whole === 0 ? createdAt(path) : undefined;
  const { incident, event } = afterRun(before, outcome, limits, Date.now(), created, accepted);
  await conclude(settings, before, { incident, event }, log, openCourier);
}

/** Takes note that targets got the list by hand, which may end a failure. Rejects never. */
export async function notePushing(settings: Settings, log: Log, openCourier: OpenCourier): Promise<void> {
  const { path } = settings.snapshot;
  const before = readIncident(path);
  const targets = settings.publish.map(({ name }) => name);
  await conclude(settings, before, afterPushing(before, targets, createdAt(path)), log, openCourier);
}

/** Tells that a list was taken back. Rejects never. */
export async function noteTakenBack(
  settings: Settings,
  why: string,
  log: Log,
  openCourier: OpenCourier,
): Promise<void> {
  const before = readIncident(settings.snapshot.path);
  await conclude(settings, before, afterTakingBack(before, why, Date.now()), log, openCourier);
}

/** Sends the alert, and records the result. */
async function conclude(
  settings: Settings,
  before: Incident,
  { incident, event }: { readonly incident: Incident; readonly event: AlertEvent | undefined },
  log: Log,
  openCourier: OpenCourier,
): Promise<void> {
  const told = event === undefined ? incident : await tell(settings, event, before, incident, log, openCourier);
  if (told === before) {
    return;
  }
  const { path } = settings.snapshot;
  try {
    // Alerting takes time, during which a rollback may have pushed.
    writeIncident(path, { ...told, unpushed: readIncident(path).unpushed });
  } catch (error) {
    log.error("alert", "cannot save the incident", { path, why: errorMessage(error) });
  }
}

async function tell(
  settings: Settings,
  event: AlertEvent,
  before: Incident,
  incident: Incident,
  log: Log,
  openCourier: OpenCourier,
): Promise<Incident> {
  // At its end an incident is reported with what it was.
  const facts = describe(settings, event, event === "recovered" ? before : incident);
  const { command, mail } = settings.alert;
  log[event === "recovered" ? "warning" : "error"]("alert", event, {
    failures: facts["GOODMAILTO_FAILURES"],
    since: facts["GOODMAILTO_SINCE"],
    why: facts["GOODMAILTO_WHY"],
  });
  const ways = [
    ...(command.length === 0 ? [] : [runCommand(command, facts, log)]),
    ...mail.map(async (recipient) => {
      const { mailAlert } = await import("./mail.ts");
      return mailAlert(recipient, event, facts, log, openCourier);
    }),
  ];
  const reached = await Promise.all(ways);
  return afterTelling(incident, event, reached.length === 0 || reached.includes(true));
}

/** Whether it ended with 0. Its output is nobody's. */
function runCommand([program = "", ...words]: readonly string[], facts: AlertFacts, log: Log): Promise<boolean> {
  return new Promise((resolve) => {
    // A group of its own, so that at the deadline its children go too.
    const child = spawn(program, words, { env: { ...process.env, ...facts }, stdio: "ignore", detached: true });
    const kill = (): void => (child.pid === undefined ? undefined : killGroup(child.pid, "SIGKILL"));
    const timer = setTimeout(kill, commandTimeout);
    const end = (why: string | undefined): void => {
      clearTimeout(timer);
      if (why !== undefined) {
        log.error("alert", "command failed", { command: program, why });
      }
      resolve(why === undefined);
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signal) => end(code === 0 ? undefined : `ended with ${code ?? signal ?? "nothing"}`));
  });
}
