import { describe, expect, it } from "vitest";

import { sessionId } from "../../src/smtp/listener/session-id.ts";

describe("sessionId", () => {
  it("gives sixteen letters and digits, and none twice", () => {
    const ids = Array.from({ length: 10_000 }, () => sessionId());
    expect(ids.filter((id) => !/^[0-9a-v]{16}$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
