import { describe, expect, it } from "vitest";

import { scarceDescriptors } from "../../src/ops/descriptors.ts";

describe("scarceDescriptors", () => {
  it("knows the limit of this process", () => {
    expect(scarceDescriptors(1)).toBeUndefined();
    expect(scarceDescriptors(1_000_000_000)).toMatch(/^\d+ allowed, 2000000100 may be needed$/);
  });
});
