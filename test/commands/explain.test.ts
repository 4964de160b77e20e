/** What `explain` says of times about which the files cannot tell everything. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { runDelta } from "../../sync/run/delta.ts";
import type { Batch, Source } from "../../sync/source.ts";
import { addresses, found, memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

const hour = 3_600_000;
const start = Date.parse("2025-11-01T00:00:00Z");

/** A directory in memory that knows its changes. */
function directory(all: readonly string[], news: readonly string[], reached: string): Source {
  const batch = (list: readonly string[]): Batch => ({
    entries: list.length,
    found: list.map((text) => found(text)),
    skipped: {},
    reached,
  });
  return {
    name: "directory",
    domains: [],
    async *read() {
      yield batch(all);
    },
    async *readChanges() {
      yield batch(news);
    },
  };
}

describe("explain", () => {
  it("refuses the future, and says what deltas and readings leave open", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    const config = join(folder, "c.toml");
    writeFileSync(
      config,
      '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[recipients]\nstale_after = "2h"\n',
    );
    const explain = (user: string, at: string): { code: number | null; said: string } => {
      const words = ["explain", `${user}@kontor.example`, "--at", at, "-c", config];
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
        encoding: "utf8",
        timeout: 30_000,
      });
      return { code: status, said: stdout + stderr };
    };
    const all = addresses(30);
    await publish(path, [directory(all, [], "1")], { now: () => start });
    await publish(path, [directory([...all, "b@kontor.example"], [], "2")], { now: () => start + 2 * hour });
    const delta = await runDelta(
      {
        sources: [directory([], ["c@kontor.example"], "3")],
        settings: { max_shrink: 0.1, keep: 3 },
        path,
        log: memoryLog(),
        signal: AbortSignal.timeout(20_000),
        now: () => start + 4 * hour,
        version: "0",
      },
      new Map(),
    );
    expect(delta.kind).toBe("published");

    expect(explain("a1", "2999-01-01T00:00:00Z")).toMatchObject({
      code: 2,
      said: expect.stringContaining("in the future") as string,
    });
    const between = explain("c", "2025-11-01T03:00:00Z");
    expect(between.code).toBe(0);
    expect(between.said).toMatch(/why: .*; cannot tell whether it was already listed then: .*04:00:00\.000Z/);
    expect(between.said).toMatch(
      /since: exists since 2025-11-01T02:00:00\.000Z or later, by an incremental sync until .*T04:00/,
    );
    expect(between.said).not.toContain("or before");
    expect(explain("c", "2025-11-01T05:00:00Z").said).not.toContain("cannot tell");
    // Who was in the previous list has no such doubt.
    const old = explain("a1", "2025-11-01T03:00:00Z").said;
    expect(old).toMatch(/since: exists since 2025-11-01T00:00:00\.000Z or before/);
    expect(old).not.toContain("cannot tell");
    expect(explain("nobody", "2025-11-01T03:00:00Z").said).toMatch(/cannot tell whether the list was stale then/);
    expect(explain("nobody", "2025-11-01T04:30:00Z").said).not.toContain("cannot tell");
  }, 60_000);
});
