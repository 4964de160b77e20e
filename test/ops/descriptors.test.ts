import { describe, expect, it } from "vitest";

import { affordable, affordableLookups, scarceDescriptors } from "../../src/ops/descriptors.ts";

describe("descriptors", () => {
  it("are enough for a few sessions", () => {
    expect(scarceDescriptors(1)).toBeUndefined();
    expect(affordable(1)).toEqual({ sessions: 1, refused: 1, lookups: 0 });
  });

  it("are too few for a billion, and this process knows how many they are enough for", () => {
    const words = /^(\d+) allowed, 2000000100 may be needed$/.exec(scarceDescriptors(1_000_000_000) ?? "");
    const free = Number(words?.[1]) - 100;
    expect(affordable(1_000_000_000)).toEqual({
      sessions: Math.max(10, Math.floor(free * 0.6)),
      refused: Math.max(10, Math.floor(free * 0.15)),
      lookups: 0,
    });
  });

  it("are shared by sessions and lookups, or are for lookups where nothing else is served", () => {
    expect(affordable(0, 7)).toEqual({ sessions: 0, refused: 0, lookups: 7 });
    expect(affordableLookups(affordable(1, 7), 8)).toBe(8);
    const huge = 1_000_000_000;
    const [allowed = ""] = /^\d+/.exec(scarceDescriptors(huge, huge) ?? "") ?? [];
    const free = Number(allowed) - 100;
    expect(affordable(0, huge).lookups).toBe(Math.max(10, Math.floor(free * 0.9)));
    const both = affordable(huge, huge);
    expect(both.lookups).toBe(Math.max(10, Math.floor(free * 0.25)));
    expect(both.sessions + both.refused + both.lookups).toBeLessThanOrEqual(Math.max(30, free));
    expect(affordableLookups(both, 2 * huge)).toBe(both.lookups);
    expect(affordableLookups(both, 3)).toBe(3);
    expect(scarceDescriptors(1, huge)).toMatch(/^\d+ allowed, 1000000102 may be needed$/);
  });
});
