import { describe, expect, it } from "vitest";

import { nearMiss } from "../../src/trace/near-miss.ts";
import { parseSince } from "../../src/trace/since.ts";

describe("nearMiss", () => {
  const exists = (user: string): boolean => ["vera", "anna.mueller"].includes(user);
  it.each([
    ["vero", "vera"],
    ["vra", "vera"],
    ["veera", "vera"],
    ["evra", "vera"],
    ["Vero", "vera"],
    ["anna.muller", "anna.mueller"],
    ["annamueller", "anna.mueller"],
    ["vi", undefined],
    ["nobody", undefined],
    ["x".repeat(200), undefined],
  ])("takes %j for %j", (user, meant) => {
    expect(nearMiss(user, exists)).toBe(meant);
  });
});

describe("parseSince", () => {
  const now = Date.parse("2026-11-28T12:34:56Z");
  it.each([
    ["today", "2026-11-28T00:00:00.000Z"],
    ["yesterday", "2026-11-27T00:00:00.000Z"],
    ["3h", "2026-11-28T09:34:56.000Z"],
    ["7d", "2026-11-21T12:34:56.000Z"],
    ["2026-11-01", "2026-11-01T00:00:00.000Z"],
    ["2026-11-01T05:00:00+01:00", "2026-11-01T04:00:00.000Z"],
  ])("reads %s", (text, time) => {
    expect(new Date(parseSince(text, now) ?? 0).toISOString()).toBe(time);
  });

  it.each(["", "tomorrow", "3 hours", "2026-13-01", "28.11.2026"])("reads nothing in %j", (text) => {
    expect(parseSince(text, now)).toBeUndefined();
  });
});
