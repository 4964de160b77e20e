/**
 * Runs the sync again and again, by node-cron, in UTC (a daily run at 02:30 local time would be skipped in spring).
 * node-cron knows nothing of runs that were due while it did not live: so one at the start, if the snapshot is old.
 */
import { schedule } from "node-cron";
import type { ScheduledTask } from "node-cron";

import type { SyncSettings } from "../../src/config/schema.ts";
import type { Log } from "../../src/report/log.ts";

/** `[sync]`, as far as it says when. */
export type Timing = Pick<SyncSettings, "schedule" | "jitter">;

/** What the schedule needs. */
export interface ScheduleOptions {
  readonly timing: Timing;
  /** When the snapshot was made, ms since 1970; undefined if there is none. */
  readonly created: () => number | undefined;
  /** One sync; must not reject. */
  readonly run: () => Promise<void>;
  readonly now: () => number;
  readonly log: Log;
  /** Its first word in the log. */
  readonly part?: string;
}

/** A schedule that runs. */
export interface Schedule {
  /** Takes new times; a run in progress continues. */
  change(timing: Timing): void;
  /**
   * Ends the schedule, and waits for the run under way.
   * @param deadline ms
   * @returns whether nothing runs any more
   */
  stop(deadline: number): Promise<boolean>;
}

/** Starts the schedule. */
export function startSchedule({ timing, created, run, now, log, part = "sync" }: ScheduleOptions): Schedule {
  let running: Promise<void> | undefined;
  const runOnce = (): Promise<void> => {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
  let task = createTask(timing, runOnce, log, part);
  const at = created();
  if (at === undefined || now() - at > periodOf(task)) {
    log.info(part, "running at start", { reason: at === undefined ? "no snapshot" : "old snapshot" });
    void runOnce();
  }
  return {
    change(changed) {
      void task.destroy();
      task = createTask(changed, runOnce, log, part);
    },
    async stop(deadline) {
      await task.destroy();
      return settles(running, deadline);
    },
  };
}

function createTask(timing: Timing, run: () => Promise<void>, log: Log, part: string): ScheduledTask {
  const tell = (message: string | Error): void => log.warning(part, "schedule", { detail: String(message) });
  const task = schedule(timing.schedule, run, {
    timezone: "UTC",
    noOverlap: true,
    maxRandomDelay: timing.jitter,
    name: `goodmailto ${part}`,
    logger: { info: () => undefined, debug: () => undefined, warn: tell, error: tell },
  });
  task.on("execution:overlap", () => log.warning(part, "skipped, the previous run has not finished"));
  task.on("execution:missed", () => log.warning(part, "missed a run, the machine was busy or suspended"));
  log.info(part, "scheduled", { schedule: timing.schedule, next: task.getNextRun()?.toISOString() });
  return task;
}

/** Between the next two runs, in ms. */
function periodOf(task: ScheduledTask): number {
  const [first, second] = task.getNextRuns(2);
  return first === undefined || second === undefined ? 0 : second.getTime() - first.getTime();
}

async function settles(running: Promise<void> | undefined, deadline: number): Promise<boolean> {
  if (running === undefined) {
    return true;
  }
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), deadline);
  void running.then(() => resolve(true));
  return promise.finally(() => clearTimeout(timer));
}
