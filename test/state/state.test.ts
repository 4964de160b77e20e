/** One suite for all back ends of the state: in memory, in a file, in a real Redis. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { silentLog } from "../../src/report/log.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { RedisStore } from "../../src/state/redis.ts";
import { SqliteStore } from "../../src/state/sqlite.ts";
import { State } from "../../src/state/state.ts";
import type { Store } from "../../src/state/store.ts";
import { missingRedis, RedisServer } from "../fakes/redis.ts";

const hour = 3_600_000;
const patience = { timeout: 15_000 };

interface Row {
  readonly seen: number;
  readonly by?: string;
}

let folder: string;
let redis: RedisServer | undefined;
let number = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-state-"));
  redis = missingRedis() ? undefined : await RedisServer.start();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await redis?.close();
});

const stores: Record<string, () => Store> = {
  memory: () => new MemoryStore(),
  sqlite: () => new SqliteStore(join(folder, `state-${number}.sqlite`), silentLog),
  ...(missingRedis() ? {} : { redis: () => new RedisStore(redis?.url ?? "") }),
};

describe.each(Object.keys(stores))("state in %s", (kind) => {
  let state: State;
  let name: string;

  beforeEach(async () => {
    number++;
    name = `table${number}`;
    state = new State((stores[kind] as () => Store)(), silentLog, 5000);
    await expect
      .poll(async () => (await state.table("ready", { ttl: hour, most: 10 }).get("x")).kind, patience)
      .toBe("absent");
  });
  afterEach(() => state.close());

  const rows = (ttl = hour, most = 1000) => state.table<Row>(name, { ttl, most });
  const counts = (ttl = hour, most = 1000) => state.table<number>(name, { ttl, most });

  it("gives back what was put, until it is deleted", async () => {
    const table = rows();
    expect(await table.get("a")).toEqual({ kind: "absent" });
    expect(await table.put("a", { seen: 1, by: "\u00e4 \"' \0" })).toEqual({ kind: "done" });
    expect(await table.get("a")).toEqual({ kind: "found", row: { seen: 1, by: "\u00e4 \"' \0" } });
    await table.put("a", { seen: 2 });
    expect(await table.get("a")).toEqual({ kind: "found", row: { seen: 2 } });
    expect(await table.delete("a")).toEqual({ kind: "done" });
    expect(await table.get("a")).toEqual({ kind: "absent" });
    expect(await table.delete("a")).toEqual({ kind: "done" });
  });

  it("keeps tables apart", async () => {
    await rows().put("a", { seen: 1 });
    expect(await state.table(`${name}-other`, { ttl: hour, most: 10 }).get("a")).toEqual({ kind: "absent" });
  });

  it("forgets a row after its ttl, and never lets one live longer than its table says", async () => {
    const table = rows(80);
    await table.put("a", { seen: 1 }, 10 * hour);
    await rows(hour).put("b", { seen: 1 }, 80);
    await expect.poll(async () => (await table.get("a")).kind, patience).toBe("absent");
    await expect.poll(async () => (await rows(hour).get("b")).kind, patience).toBe("absent");
    expect(await table.scan("")).toEqual({ kind: "rows", rows: [] });
  });

  it("counts, whoever else counts, and forgets from the first one on", async () => {
    const table = counts(300);
    const answers = await Promise.all(Array.from({ length: 100 }, async () => table.add("a")));
    const found = answers.flatMap((one) => (one.kind === "counted" ? [one.count] : []));
    expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    const { left } = answers.at(-1) as { left: number };
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(300);
    expect(await table.add("b", 5)).toMatchObject({ count: 5 });
    expect(await table.add("b", -2)).toMatchObject({ count: 3 });
    // Adding does not prolong it.
    await expect.poll(async () => ((await table.add("a")) as { count: number }).count, patience).toBe(1);
  });

  it("compares and sets in one step: of many who try, one succeeds", async () => {
    const table = rows();
    const first = await Promise.all(
      Array.from({ length: 20 }, async (_, seen) => table.compareAndSet("a", undefined, { seen })),
    );
    expect(first.filter(({ kind }) => kind === "done")).toHaveLength(1);
    const got = await table.get("a");
    const row = got.kind === "found" ? got.row : { seen: -1 };
    expect(await table.compareAndSet("a", { seen: 99 }, { seen: 100 })).toEqual({ kind: "differs" });
    expect(await table.compareAndSet("a", row, { seen: 100 })).toEqual({ kind: "done" });
    expect(await table.compareAndSet("a", undefined, { seen: 1 })).toEqual({ kind: "differs" });
    expect(await table.compareAndSet("a", { seen: 100 }, undefined)).toEqual({ kind: "done" });
    expect(await table.get("a")).toEqual({ kind: "absent" });
  });

  it("scans by the beginning of keys, and no more than asked for", async () => {
    const table = rows();
    for (const key of ["a/1", "a/2", "a/\u{1f600}", "b/1", "a%", "A/1"]) {
      await table.put(key, { seen: key.length });
    }
    const found = await table.scan("a/");
    const keys = found.kind === "rows" ? found.rows.map(([key]) => key) : [];
    expect(keys.toSorted()).toEqual(["a/1", "a/2", "a/\u{1f600}"]);
    expect(await table.scan("a/", 2)).toMatchObject({ rows: { length: 2 } });
    expect(await table.scan("c")).toEqual({ kind: "rows", rows: [] });
  });

  it("holds no more rows than its bound, and forgets those written longest ago", async () => {
    const table = rows(hour, 3);
    for (const key of ["a", "b", "c"]) {
      await table.put(key, { seen: 1 });
    }
    await table.put("a", { seen: 2 });
    await table.put("d", { seen: 1 });
    const found = await table.scan("");
    const keys = found.kind === "rows" ? found.rows.map(([key]) => key) : [];
    expect(keys.toSorted()).toEqual(["a", "c", "d"]);
    const numbers = state.table<number>(`${name}-counts`, { ttl: hour, most: 2 });
    for (const key of ["a", "b", "c"]) {
      await numbers.add(key);
    }
    expect(await numbers.get("a")).toEqual({ kind: "absent" });
    expect(await numbers.get("c")).toEqual({ kind: "found", row: 1 });
  });

  it("does not store what is too large, and says so", async () => {
    const table = rows();
    expect(await table.put("a", { seen: 1, by: "x".repeat(70_000) })).toMatchObject({ kind: "unavailable" });
    expect(await table.put("k".repeat(2000), { seen: 1 })).toMatchObject({ kind: "unavailable" });
    expect(await table.get("a")).toEqual({ kind: "absent" });
  });

  it("takes hundreds of operations at once", async () => {
    const table = counts(hour, 100_000);
    const answers = await Promise.all(Array.from({ length: 300 }, async (_, i) => table.add(`key ${i % 100}`)));
    expect(answers.every(({ kind }) => kind === "counted")).toBe(true);
    expect(await table.get("key 99")).toEqual({ kind: "found", row: 3 });
  });
});

describe("state in memory", () => {
  it("answers at once", () => {
    const table = new State(new MemoryStore(), silentLog).table<number>("a", { ttl: 1, most: 1 });
    expect(table.add("a")).toMatchObject({ kind: "counted" });
    expect(table.get("a")).toEqual({ kind: "found", row: 1 });
  });
});
