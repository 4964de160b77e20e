/** What the charts are drawn from: differences of counters by the minute, over gaps, new starts and the end of the ring. */
import { describe, expect, it } from "vitest";

import type { Figures } from "../../src/ops/figures.ts";
import { ratesOf } from "../../src/web/pages/rate-alerts.ts";
import { difference, Samples } from "../../src/web/pages/samples.ts";
import { chart, niceTop } from "../../src/web/html/chart.ts";
import { textOf } from "../../src/web/html/markup.ts";

const minute = 60_000;
const start = Date.UTC(2026, 10, 28, 12);
const none: Figures = {
  ...{ connections: 0, refused: 0, accepted: 0, delivered: 0 },
  ...{ deferred: 0, hopsTook: 0, hopsDeferred: 0, hopsRefused: 0, hopsSilent: 0 },
};

/** Samples of these minutes after the start, with so many refused since the start of the relay. */
function samplesOf(...taken: readonly (readonly [after: number, refused: number])[]): Samples {
  const samples = new Samples();
  for (const [after, refused] of taken) {
    samples.take(start + after * minute, {
      figures: { ...none, refused },
      age: after * 60,
      sessions: after,
      alarms: {},
      rates: ratesOf({}),
    });
  }
  return samples;
}
const refusedIn = (samples: Samples, at: number, count: number, width: number): (number | undefined)[] =>
  samples.stretches(start + at * minute, count, width).map(({ counted }) => counted?.refused);

describe("samples for the charts", () => {
  it("give what came in each minute, and nothing of minutes before the first", () => {
    const samples = samplesOf([0, 5], [1, 7], [2, 7], [3, 20]);
    expect(samples.dayAgo).toBeUndefined();
    expect(refusedIn(samples, 3, 6, 1)).toEqual([undefined, undefined, 0, 2, 0, 13]);
    const last = samples.stretches(start + 3 * minute, 1, 1)[0];
    expect(last).toMatchObject({ from: start + 3 * minute, age: 180, sessions: 3 });
  });

  it("keep the last of a minute, and begin stretches where the clock has whole ones", () => {
    const samples = samplesOf([0, 1], [0.4, 3], [0.9, 4], [1, 9]);
    expect(refusedIn(samples, 1, 2, 1)).toEqual([3, 5]);
    expect(samples.stretches(start + 7 * minute, 2, 10).map(({ from }) => from)).toEqual([start - 10 * minute, start]);
  });

  it("show a gap as a gap, and count what came in it when it is over", () => {
    const samples = samplesOf([0, 0], [1, 1], [4, 10]);
    expect(refusedIn(samples, 4, 5, 1)).toEqual([0, 1, undefined, undefined, 9]);
    expect(refusedIn(samples, 9, 2, 5)).toEqual([10, undefined]);
  });

  it("take a counter that fell for a new start", () => {
    expect(refusedIn(samplesOf([0, 100], [1, 110], [2, 3]), 2, 3, 1)).toEqual([0, 10, 3]);
    expect(difference({ ...none, refused: 3, accepted: 5 }, { ...none, refused: 9, accepted: 4 })).toEqual({
      ...none,
      refused: 3,
      accepted: 1,
    });
  });

  it("remember a day and no more, and still know what was before it", () => {
    const samples = new Samples();
    for (let i = 0; i <= 3000; i++) {
      samples.take(start + i * minute, {
        figures: { ...none, refused: i * 2 },
        age: undefined,
        rates: ratesOf({}),
        sessions: 0,
        alarms: { x: i },
      });
    }
    expect(samples.dayAgo?.alarms).toEqual({ x: 1559 });
    const day = refusedIn(samples, 3000, 144, 10);
    expect(day.every((count) => count === 20 || count === 2)).toBe(true);
    expect(refusedIn(samples, 3000, 1600, 1).filter((count) => count !== undefined)).toHaveLength(1441);
  });

  it("do not lose a day when the clock is set back", () => {
    const samples = samplesOf([0, 0], [60, 50], [5, 60], [6, 61]);
    expect(refusedIn(samples, 6, 2, 1).at(-1)).toBe(1);
  });
});

describe("charts", () => {
  it("end at a round number above the highest value", () => {
    expect([0, 1, 1.5, 3, 7, 10, 11, 4999, 5001].map(niceTop)).toEqual([1, 1, 2, 5, 10, 10, 20, 5000, 10_000]);
  });

  it("break a line where nothing is known, and say the figures in a table", () => {
    const times = [0, 1, 2, 3].map((i) => start + i * minute);
    const text = textOf(
      chart({
        title: "<b>",
        unit: "a minute",
        times,
        lines: [{ name: "refused", look: 3, values: [1, 2, undefined, 4] }],
      }),
    );
    expect(text).toContain("<strong>&lt;b&gt;</strong>");
    expect(text.match(/<polyline/g)).toHaveLength(2);
    expect(text.match(/<th scope="row">/g)).toHaveLength(3);
    expect(text).not.toContain("NaN");
    const empty = textOf(chart({ title: "t", unit: "u", times: [], lines: [{ name: "n", look: 1, values: [] }] }));
    expect(empty).not.toContain("NaN");
  });
});
