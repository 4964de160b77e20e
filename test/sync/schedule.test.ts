import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { startSchedule } from "../../sync/run/schedule.ts";
import type { Schedule, ScheduleOptions } from "../../sync/run/schedule.ts";
import { memoryLog } from "../snapshot/fixture.ts";
import type { Line } from "../snapshot/fixture.ts";

const never = { schedule: "0 0 1 1 *", jitter: 0 };
const eachSecond = { schedule: "* * * * * *", jitter: 0 };
const quarterHourly = { schedule: "*/15 * * * *", jitter: 0 };
const minute = 60_000;

interface Started {
  readonly schedule: Schedule;
  readonly lines: Line[];
  readonly runs: () => number;
}

/** A schedule whose snapshot is fresh unless told otherwise. */
function start(options: Partial<ScheduleOptions>): Started {
  const log = memoryLog();
  let runs = 0;
  const run = (): Promise<void> => {
    runs += 1;
    return options.run?.() ?? Promise.resolve();
  };
  const fresh = { timing: never, created: () => Date.now(), now: Date.now, log };
  const schedule = startSchedule({ ...fresh, ...options, run });
  onTestFinished(async () => void (await schedule.stop(0)));
  return { schedule, lines: log.lines, runs: () => runs };
}

describe("the schedule", () => {
  it.each([
    ["the snapshot is missing", undefined, 1],
    ["the snapshot is older than the period", 16 * minute, 1],
    ["the snapshot is fresh", 14 * minute, 0],
  ])("runs at the start only where it must: %s", (_, age, expected) => {
    const now = Date.now();
    const { runs } = start({
      timing: quarterHourly,
      created: () => (age === undefined ? undefined : now - age),
      now: () => now,
    });
    expect(runs()).toBe(expected);
  });

  it("runs when it is time", async () => {
    const { runs } = start({ timing: eachSecond });
    await expect.poll(runs, { timeout: 10_000 }).toBeGreaterThan(1);
  });

  it("does not run twice at a time", async () => {
    let at = 0;
    let most = 0;
    const { lines } = start({
      timing: eachSecond,
      created: () => undefined,
      async run() {
        at += 1;
        most = Math.max(most, at);
        await sleep(1500);
        at -= 1;
      },
    });
    await expect.poll(() => lines.some(({ event }) => event.startsWith("skipped")), { timeout: 10_000 }).toBe(true);
    expect(most).toBe(1);
  });

  it("takes new times", async () => {
    const { schedule, runs } = start({ timing: never });
    schedule.change(eachSecond);
    await expect.poll(runs, { timeout: 10_000 }).toBeGreaterThan(0);
    schedule.change(never);
    const { lines } = start({ timing: { schedule: "30 2 * * *", jitter: 0 } });
    expect(lines[0]?.fields["next"]).toMatch(/T02:30:00.000Z$/);
  });

  it("waits for the run under way when it stops, but no longer than it is told", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { schedule, runs } = start({ created: () => undefined, run: () => promise });
    expect(runs()).toBe(1);
    expect(await schedule.stop(10)).toBe(false);
    resolve();
    expect(await schedule.stop(10_000)).toBe(true);
    expect(await start({}).schedule.stop(0)).toBe(true);
  });
});
