import { describe, expect, it } from "vitest";

import { createProgress } from "../../src/ops/progress.ts";

describe("the progress of a sync", () => {
  it("tells entries and rate on a terminal, ten times a second at most, and clears its line", () => {
    let now = 0;
    const written: string[] = [];
    const progress = createProgress({ isTTY: true, write: (text) => written.push(text) }, () => now);
    progress.update(10);
    now = 500;
    progress.update(1000);
    now = 550;
    progress.update(1100);
    now = 1000;
    progress.update(3000);
    progress.end();
    expect(written.join("")).toBe("\r\x1b[K1000 entries, 2000 a second\r\x1b[K3000 entries, 3000 a second\r\x1b[K");
  });

  it("says nothing elsewhere", () => {
    const written: string[] = [];
    const progress = createProgress({ write: (text) => written.push(text) }, () => performance.now() * 1000);
    progress.update(10);
    progress.end();
    expect(written).toEqual([]);
  });
});
