import { describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { isRoot } from "../fakes/postfix.ts";
import { soak } from "./soak.ts";

describe.skipIf(missing("postfix") || !isRoot())("a short soak", () => {
  it("leaves in Postfix's queue exactly what was answered 250, and nothing of hostile clients", async () => {
    const report = await soak(5, () => undefined);
    expect(report.accepted).toBeGreaterThan(10);
    expect(report).toMatchObject({ others: [], queued: report.accepted, lost: [], twice: [], smuggled: [] });
    expect(report.descriptorsAfter).toBeLessThanOrEqual(report.descriptorsBefore);
    expect(Object.values(report.visits).every((count) => count > 0)).toBe(true);
    expect([report.faults, report.exit]).toEqual([0, 0]);
  }, 90_000);
});
