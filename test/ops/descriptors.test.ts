import { describe, expect, it } from "vitest";

import { affordable, scarceDescriptors } from "../../src/ops/descriptors.ts";

describe("descriptors", () => {
  it("are enough for a few sessions", () => {
    expect(scarceDescriptors(1)).toBeUndefined();
    expect(affordable(1)).toEqual({ sessions: 1, refused: 1 });
  });

  it("are too few for a billion, and this process knows how many they are enough for", () => {
    const words = /^(\d+) allowed, 2000000100 may be needed$/.exec(scarceDescriptors(1_000_000_000) ?? "");
    const free = Number(words?.[1]) - 100;
    expect(affordable(1_000_000_000)).toEqual({
      sessions: Math.max(10, Math.floor(free * 0.6)),
      refused: Math.max(10, Math.floor(free * 0.15)),
    });
  });
});
