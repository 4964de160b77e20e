/** What a run of the sync says to the person, or the timer, that started it. */
import type { Settings } from "../config/sections.ts";
import { usualSchedule } from "../config/sync-sections.ts";
import { exit } from "../ops/exit.ts";
import type { Log } from "../report/log.ts";
import type { DeltaOutcome } from "../../sync/run/delta.ts";
import { summaryLine } from "../../sync/run/summary.ts";

/** For a person; the log has said the rest. */
export function outcomeLine(outcome: DeltaOutcome): string {
  return "facts" in outcome
    ? `${summaryLine(outcome.kind, outcome.facts)}\n`
    : "why" in outcome
      ? `did not publish: ${outcome.why}\n`
      : "";
}

/** The exit code that says how a run ended. */
export function exitCode(outcome: DeltaOutcome): number {
  switch (outcome.kind) {
    case "nothing":
      return exit.ok;
    case "published":
    case "dry-run":
      return (outcome.unpushed ?? []).length > 0 ? exit.temporary : exit.ok;
    case "refused":
    case "held":
      return exit.guard;
    case "failed":
    case "busy":
      return exit.temporary;
  }
}

/** What only `sync --cron` heeds has no effect if a timer, or a person, starts each run: said if it was set. */
export function noteIdle({ schedule }: Settings["sync"], log: Log): void {
  if (schedule !== usualSchedule) {
    log.info("sync", "[sync] schedule has no effect in a single run, only in sync --cron", { schedule });
  }
}
