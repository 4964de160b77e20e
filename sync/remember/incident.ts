/**
 * Whether to send an alert: consecutive failed syncs are one incident, which is reported once when it is long
 * enough and once when it is over. Kept in a file beside the snapshot, so that a run by a timer knows of the runs
 * before.
 */
import { replaceFile } from "../../src/files/replace.ts";
import { incidentPath, notesOf, numberOf, readRawNotes } from "../../src/files/sync-notes.ts";
import type { LastRun, SyncNotes } from "../../src/files/sync-notes.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { addCount, parseHours } from "./day.ts";
import type { Accepted, HourCount } from "./day.ts";
import type { SyncOutcome } from "../outcome.ts";

/** What is remembered between runs. Times are ms since 1970. */
export interface Incident extends SyncNotes {
  /** First of them; 0: none. */
  readonly since: number;
  /** What the last of them said. */
  readonly why: string;
  /** Whether an alert was sent for this incident. */
  readonly told: boolean;
  /** Whether in all failed runs the list was published, and only targets did not get it. */
  readonly targetsOnly: boolean;
  /** How large the list was of late. */
  readonly hours: readonly HourCount[];
}

/** The event of an alert. */
export type AlertEvent = "sync-failing" | "snapshot-old" | "taken-back" | "recovered";

/** `[alert]` and `[snapshot]`, as far as they say when. */
export interface AlertLimits {
  readonly afterFailures: number;
  /** ms */
  readonly maxAge: number;
}

/** No failure so far. */
export const calm: Incident = {
  failures: 0,
  since: 0,
  why: "",
  whole: 0,
  told: false,
  unpushed: [],
  targetsOnly: false,
  hours: [],
};

/** Reads it; whatever is wrong with the file, there is none. */
export function readIncident(snapshotPath: string): Incident {
  const raw = readRawNotes(snapshotPath);
  return {
    ...notesOf(raw),
    since: numberOf(raw["since"]),
    why: typeof raw["why"] === "string" ? raw["why"] : "",
    told: raw["told"] === true,
    targetsOnly: raw["targetsOnly"] === true,
    hours: parseHours(raw["hours"]),
  };
}

/** The last run, after another one; one that made no list keeps what the one before said of its list. */
function lastAfter(before: LastRun | undefined, outcome: SyncOutcome, at: number): LastRun | undefined {
  if (outcome.kind === "dry-run" || outcome.kind === "busy") {
    return before;
  }
  const { seconds = 0, entries = 0 } = "facts" in outcome ? outcome.facts : (before ?? {});
  return { at, result: outcome.kind, seconds, entries, guards: outcome.kind === "refused" ? outcome.guards : [] };
}

function hoursAfter({ hours }: Incident, outcome: SyncOutcome, now: number, accepted: Accepted): readonly HourCount[] {
  return outcome.kind === "published" ? addCount(hours, now, outcome.facts.addresses, accepted) : hours;
}

/** Writes all of it or nothing. @throws what the file system throws */
export function writeIncident(snapshotPath: string, incident: Incident): void {
  replaceFile(incidentPath(snapshotPath), `${JSON.stringify(incident)}\n`, { likeFolder: true });
}

/** Why a run was not complete; undefined if it was; "other" if it says nothing about the directory. */
function failureOf(outcome: SyncOutcome): { readonly why: string | undefined } | "other" {
  switch (outcome.kind) {
    case "dry-run":
    case "busy":
      return "other";
    case "held":
      return { why: `No sync may replace the list, which is older than [snapshot] max_age. ${outcome.why}` };
    case "refused":
      return { why: outcome.reasons.join("; ") };
    case "failed":
      return { why: outcome.why };
    case "published": {
      const { frozen } = outcome.facts;
      const faults = [
        ...frozen.map(({ name, fault }) => `source "${name}" not updated, keeping its previous addresses: ${fault}`),
        ...(outcome.unpushed ?? []).map((target) => `the list did not reach "${target}"`),
      ];
      return { why: faults.length === 0 ? undefined : faults.join("; ") };
    }
  }
}

/** Whether a run that failed did everything except push its list to every target. */
function missedTargetsOnly(outcome: SyncOutcome): boolean {
  return outcome.kind === "published" && outcome.facts.frozen.length === 0;
}

/**
 * The incident after lists were pushed to targets by hand: over where targets were all that failed, and each has it.
 * @param targets names of those that are configured
 * @param created when the snapshot that serves was made
 */
export function afterPushing(
  old: Incident,
  targets: readonly string[],
  created: number | undefined,
): { readonly incident: Incident; readonly event: AlertEvent | undefined } {
  if (old.failures === 0 || !old.targetsOnly || targets.some((name) => old.unpushed.includes(name))) {
    return { incident: old, event: undefined };
  }
  const incident = { ...old, failures: 0, since: 0, why: "", whole: created ?? old.whole, targetsOnly: false };
  return { incident, event: old.told ? "recovered" : undefined };
}

/**
 * The incident after a run, and the event to alert about; `told` is unchanged: the caller sets it once the alert is
 * sent.
 * @param accepted what a person said of this run
 * @param created when the snapshot that serves was made; undefined if there is none
 */
export function afterRun(
  old: Incident,
  outcome: SyncOutcome,
  limits: AlertLimits,
  now: number,
  created: number | undefined,
  accepted: Accepted = {},
): { readonly incident: Incident; readonly event: AlertEvent | undefined } {
  const failure = failureOf(outcome);
  if (failure === "other") {
    return { incident: old, event: undefined };
  }
  const before = { ...old, last: lastAfter(old.last, outcome, now), hours: hoursAfter(old, outcome, now, accepted) };
  const whole = before.whole === 0 ? created : before.whole;
  const isOld = whole !== undefined && now - whole > limits.maxAge;
  // A person wanted the hold; that it is forgotten shows in the age alone.
  const isHeld = outcome.kind === "held";
  if (isHeld && !isOld) {
    return { incident: before, event: undefined };
  }
  if (failure.why === undefined) {
    const event = before.told ? "recovered" : undefined;
    return { incident: { ...before, failures: 0, since: 0, why: "", whole: now, targetsOnly: false }, event };
  }
  const incident: Incident = {
    ...before,
    failures: before.failures + 1,
    since: before.failures === 0 ? now : before.since,
    why: failure.why.slice(0, 2000),
    targetsOnly: missedTargetsOnly(outcome) && (before.failures === 0 || before.targetsOnly),
  };
  if (incident.told) {
    return { incident, event: undefined };
  }
  if (incident.failures >= limits.afterFailures && !isHeld) {
    return { incident, event: "sync-failing" };
  }
  return { incident, event: isOld ? "snapshot-old" : undefined };
}

/** The incident after a list was taken back: it is told of, whatever was told before. */
export function afterTakingBack(
  old: Incident,
  why: string,
  now: number,
): { readonly incident: Incident; readonly event: AlertEvent } {
  const since = old.failures === 0 ? now : old.since;
  const incident = { ...old, failures: old.failures + 1, since, why: why.slice(0, 2000), targetsOnly: false };
  return { incident: { ...incident, told: false }, event: "taken-back" };
}

/** The incident after the alert was sent, or could not be. */
export function afterTelling(incident: Incident, event: AlertEvent, reached: boolean): Incident {
  return reached ? { ...incident, told: event !== "recovered" } : incident;
}

/** The lists that somebody went away from measure no later one. */
export function forgetDay(snapshotPath: string, log: Log): void {
  try {
    writeIncident(snapshotPath, { ...readIncident(snapshotPath), hours: [] });
  } catch (error) {
    const why = errorMessage(error);
    log.error("sync", "cannot reset the size that the guards compare with", { path: snapshotPath, why });
  }
}
