/** `[snapshot] canary` for the sync: the canaries are asked, and what follows from their word is done and told. */
import { noteTakenBack } from "../../sync/alert/alert.ts";
import { readIncident } from "../../sync/remember/incident.ts";
import { askCanaries } from "../../sync/run/canary.ts";
import type { CanaryOutcome } from "../../sync/run/canary.ts";
import type { JobOptions } from "../../sync/run/full.ts";
import { pushList } from "../../sync/targets/again.ts";
import type { Settings } from "../config/sections.ts";
import { exit } from "../ops/exit.ts";
import type { Log } from "../report/log.ts";
import { silentLog } from "../report/log.ts";
import type { Sealing } from "./sealing.ts";

/** ms for all relays and directories that are asked. */
const askDeadline = 120_000;
const pushDeadline = 600_000;
/** ms between two looks, at most and at least. */
const mostBetween = 60_000;
const leastBetween = 2000;

/** What a look needs. */
export interface CanaryLook {
  readonly settings: Settings;
  readonly sealing: Sealing;
  readonly options: JobOptions;
  readonly openCourier: Parameters<typeof noteTakenBack>[3];
}

/** How often canaries are asked, in ms; 0: never. */
export function lookEvery({ snapshot, guard, source }: Settings): number {
  return snapshot.canary === 0 || !guard.traffic || source.length === 0
    ? 0
    : Math.min(mostBetween, Math.max(leastBetween, snapshot.canary / 5));
}

/** Remembers what was said of which list, so that it is said once. */
export class CanaryWatch {
  #said = "";

  /**
   * Asks them, and takes the list back if they refuse those who get mail. Rejects never.
   * @param isRoutine one look of many: relays that do not answer are said when the list's time is over
   */
  async look(look: CanaryLook, log: Log, signal: AbortSignal, isRoutine: boolean): Promise<CanaryOutcome> {
    const { settings, sealing, options, openCourier } = look;
    const within = AbortSignal.any([signal, AbortSignal.timeout(askDeadline)]);
    const heard: Log = isRoutine ? { ...silentLog, error: log.error } : log;
    const outcome = await askCanaries({ ...options, log: heard }, within);
    const { path } = settings.snapshot;
    switch (outcome.kind) {
      case "taken-back":
        await pushList(sealing.targets, path, log, AbortSignal.any([signal, AbortSignal.timeout(pushDeadline)]));
        await noteTakenBack(settings, takenBackText(outcome.why), log, openCourier);
        return outcome;
      case "nothing":
        // An alert that reached nobody is sent again.
        if (outcome.held?.includes("(canary: ") === true && isUntold(path)) {
          await noteTakenBack(settings, takenBackText(outcome.held), log, openCourier);
        }
        return outcome;
      case "good":
        this.#tellUntried(outcome, settings, options.now(), log);
        return outcome;
      case "helpless":
        this.#sayOnce(`${outcome.since} ${outcome.why}`, () =>
          log.error("sync", "the canaries refuse recipients, and the list is not taken back", { why: outcome.why }),
        );
        return outcome;
      case "busy":
        log.warning("sync", "the list is to be taken back, and another sync is at work", { why: outcome.why });
        return outcome;
    }
  }

  /** A list whose time is over, and that nobody has tried: no list waits for a relay that is away. */
  #tellUntried(
    { since, tried, asked }: Extract<CanaryOutcome, { kind: "good" }>,
    { snapshot, sync }: Settings,
    now: number,
    log: Log,
  ): void {
    if (tried === 0 && now > since + snapshot.canary && now < since + 3 * snapshot.canary) {
      const fields = { list: new Date(since).toISOString(), places: sync.traffic.length, answered: asked };
      this.#sayOnce(`untried ${since}`, () => log.warning("sync", "no canary has tried the list in its time", fields));
    }
  }

  #sayOnce(what: string, say: () => void): void {
    if (this.#said !== what) {
      this.#said = what;
      say();
    }
  }
}

function isUntold(path: string): boolean {
  const { failures, told } = readIncident(path);
  return failures > 0 && !told;
}

function takenBackText(why: string): string {
  return `The canaries refused recipients who got mail, so the list was taken back, and is on hold until \`goodmailto rollback --release\`: ${why}`;
}

/** For a person. */
export function canaryLine(outcome: CanaryOutcome): string {
  switch (outcome.kind) {
    case "good":
      return `nothing speaks against the list: ${outcome.tried} of ${outcome.asked} relays that answered use it\n`;
    case "nothing":
      return outcome.held === undefined
        ? "there is nothing to ask: no list, or no relay that remembers mail\n"
        : `the list is on hold since ${outcome.held}\n`;
    case "helpless":
      return `not taken back: ${outcome.why}\n`;
    case "taken-back":
      return `taken back: ${outcome.why}\n`;
    case "busy":
      return `to be taken back when the sync at work is over: ${outcome.why}\n`;
  }
}

/** The exit code that says it. */
export function canaryExit({ kind }: CanaryOutcome): number {
  switch (kind) {
    case "good":
    case "nothing":
      return exit.ok;
    case "helpless":
    case "taken-back":
      return exit.guard;
    case "busy":
      return exit.temporary;
  }
}
