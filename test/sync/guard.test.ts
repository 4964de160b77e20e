import { describe, expect, it } from "vitest";

import { guard } from "../../sync/judge/guard.ts";
import type { GuardFacts } from "../../sync/judge/guard.ts";

/** One source with these counts is the complete list. */
function facts(before: number | undefined, now: number, more: Partial<GuardFacts> = {}): GuardFacts {
  return { before, now, sources: [{ name: "domino", before, now }], maxShrink: 0.1, acceptShrink: false, ...more };
}

/** Two sources, of which the second gives nothing. */
function withEmpty(before: number | undefined): GuardFacts["sources"] {
  return [
    { name: "domino", before: 100, now: 100 },
    { name: "plant", before, now: 0 },
  ];
}

describe("the guard", () => {
  it.each([
    ["a first list", undefined, 5],
    ["growth", 10, 1000],
    ["the same", 10, 10],
    ["a loss of exactly max_shrink", 100, 90],
  ])("lets %s pass", (_, before, now) => {
    expect(guard(facts(before, now))).toEqual([]);
  });

  it("refuses a loss above max_shrink, and says what to do", () => {
    expect(guard(facts(1000, 899))[0]).toBe(
      "The whole list lost 101 of 1000 addresses (10.1%, max_shrink is 10%). If this is right, run `goodmailto sync --accept-shrink` once",
    );
    expect(guard(facts(1000, 899, { acceptShrink: true }))).toEqual([]);
  });

  it("refuses any loss where max_shrink is 0%, and none but all where it is 100%", () => {
    expect(guard(facts(1000, 999, { maxShrink: 0 }))).toHaveLength(2);
    expect(guard(facts(1000, 1, { maxShrink: 1 }))).toEqual([]);
    expect(guard(facts(1000, 0, { maxShrink: 1 }))).toHaveLength(1);
  });

  it("refuses an empty list whatever a person says", () => {
    expect(guard(facts(undefined, 0))).toHaveLength(1);
    expect(guard(facts(100, 0, { acceptShrink: true }))).toHaveLength(1);
  });

  it("refuses the loss of one source that the others outweigh", () => {
    const sources = [
      { name: "domino", before: 1000, now: 2000 },
      { name: "plant", before: 100, now: 50 },
    ];
    const reasons = guard(facts(1100, 2050, { sources }));
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain('Source "plant" lost 50 of 100');
  });

  it("refuses the loss by a source that is gone from the configuration", () => {
    expect(guard(facts(1000, 500, { sources: [{ name: "domino", before: 500, now: 500 }] }))).toHaveLength(1);
  });

  it("refuses a source that gives nothing, until a person has said that this is right", () => {
    expect(guard(facts(100, 100, { sources: withEmpty(undefined) }))[0]).toContain('Source "plant" gave no address');
    expect(guard(facts(101, 100, { sources: withEmpty(1) }))).toHaveLength(1);
    expect(guard(facts(100, 100, { sources: withEmpty(undefined), acceptShrink: true }))).toEqual([]);
    expect(guard(facts(100, 100, { sources: withEmpty(0) }))).toEqual([]);
  });
});
