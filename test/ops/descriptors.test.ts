import { describe, expect, it } from "vitest";

import { affordableSessions, scarceDescriptors } from "../../src/ops/descriptors.ts";

describe("descriptors", () => {
  it("are enough for a few sessions", () => {
    expect(scarceDescriptors(1)).toBeUndefined();
    expect(affordableSessions(1)).toBe(1);
  });

  it("are too few for a billion, and this process knows how many they are enough for", () => {
    const words = /^(\d+) allowed, 3000000100 may be needed$/.exec(scarceDescriptors(1_000_000_000) ?? "");
    expect(affordableSessions(1_000_000_000)).toBe(Math.max(10, Math.floor((Number(words?.[1]) - 100) / 3)));
  });
});
