/** The state in a real Redis that is killed, hangs, and comes back. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { RedisStore } from "../../src/state/redis.ts";
import { State } from "../../src/state/state.ts";
import { RecordingLog } from "../checks/fixture.ts";
import { missingRedis, RedisServer } from "../fakes/redis.ts";

describe.skipIf(missingRedis())("state in Redis", () => {
  let redis: RedisServer;
  let state: State;
  let log: RecordingLog;

  beforeEach(async () => {
    redis = await RedisServer.start();
    log = new RecordingLog();
    state = new State(new RedisStore(redis.url), log);
    await expect.poll(async () => (await table().get("x")).kind, { timeout: 5000 }).toBe("absent");
    log.lines.length = 0;
  });
  afterEach(async () => {
    redis.thaw();
    await state.close();
    await redis.close();
  });

  const table = () => state.table<number>("counts", { ttl: 3_600_000, most: 1000 });
  const timed = async (): Promise<{ kind: string; ms: number }> => {
    const started = performance.now();
    const { kind } = await table().add("a");
    return { kind, ms: performance.now() - started };
  };

  it("that was killed is unavailable, said once, and used again when it is back", async () => {
    await redis.kill();
    for (let i = 0; i < 20; i++) {
      const { kind, ms } = await timed();
      expect(kind).toBe("unavailable");
      expect(ms).toBeLessThan(1000);
    }
    await redis.start();
    await expect.poll(async () => (await timed()).kind, { timeout: 10_000 }).toBe("counted");
    expect(log.lines).toHaveLength(2);
    expect(log.lines[0]).toMatch(/^state: store is unavailable, continuing without it/);
    expect(log.lines[1]).toBe("state: store answers again");
  });

  it("that hangs is waited for once, no longer than the deadline, and not by those who come next", async () => {
    redis.freeze();
    const first = await Promise.all(Array.from({ length: 50 }, timed));
    expect(first.every(({ kind }) => kind === "unavailable")).toBe(true);
    expect(Math.max(...first.map(({ ms }) => ms))).toBeLessThan(1500);
    expect(table().add("a")).toMatchObject({ kind: "unavailable" });
    redis.thaw();
    await expect.poll(async () => (await timed()).kind, { timeout: 10_000 }).toBe("counted");
    expect(log.lines).toHaveLength(2);
  });

  it("is shared by relays", async () => {
    const other = new State(new RedisStore(redis.url), log);
    const theirs = other.table<number>("counts", { ttl: 3_600_000, most: 1000 });
    await expect.poll(async () => (await theirs.get("x")).kind, { timeout: 5000 }).toBe("absent");
    await Promise.all([
      ...Array.from({ length: 50 }, () => timed()),
      ...Array.from({ length: 50 }, () => theirs.add("a")),
    ]);
    expect(await table().get("a")).toEqual({ kind: "found", row: 100 });
    await other.close();
  });
});
