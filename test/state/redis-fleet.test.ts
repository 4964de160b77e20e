/** The state in a real cluster and in a master with a sentinel, by TLS and with users of few rights, through failovers. */
import { readFileSync } from "node:fs";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { RedisStore } from "../../src/state/redis.ts";
import { State } from "../../src/state/state.ts";
import type { Table } from "../../src/state/table.ts";
import { RecordingLog } from "../checks/fixture.ts";
import { missingRedis } from "../fakes/redis.ts";
import { createGround, relayUser, startRedisCluster, startRedisSentinel, until } from "../fakes/redis-fleet.ts";
import type { Ground } from "../fakes/redis-fleet.ts";

const patience = { timeout: 15_000, interval: 20 };
const login = `${relayUser.name}:${encodeURIComponent(relayUser.password)}`;

describe.skipIf(missingRedis())("state in several servers of Redis", () => {
  let ground: Ground;
  const open: State[] = [];
  let log: RecordingLog;

  beforeAll(async () => {
    ground = await createGround();
  });
  afterAll(() => ground.remove());
  afterEach(async () => {
    await Promise.all(open.splice(0).map((state) => state.close()));
  });

  function connect(url: string, more: Record<string, string> = {}, names = ["counts"]): Table<number> {
    return (connectAll(url, more, names) as [Table<number>])[0];
  }

  function connectAll(url: string, more: Record<string, string>, names: readonly string[]): Table<number>[] {
    log = new RecordingLog();
    const state = new State(new RedisStore(url, { ca: readFileSync(ground.ca, "utf8"), ...more }), log);
    open.push(state);
    return names.map((name) => state.table<number>(name, { ttl: 3_600_000, most: 1000 }));
  }

  /** Adds without a pause until it has been counted again after it was not. @returns the longest wait, and how often */
  async function addThrough(
    table: Table<number>,
    failure: () => Promise<void>,
  ): Promise<{ longest: number; lost: number }> {
    let [longest, lost] = [0, 0];
    const add = async (): Promise<string> => {
      const since = performance.now();
      const { kind } = await table.add("through");
      longest = Math.max(longest, performance.now() - since);
      lost += kind === "counted" ? 0 : 1;
      return kind;
    };
    await failure();
    await expect.poll(add, patience).toBe("unavailable");
    await expect.poll(add, patience).toBe("counted");
    return { longest, lost };
  }

  it("of a cluster is found by MOVED and ASK, and goes on after a failover", async () => {
    const cluster = await startRedisCluster(ground, "{counts}");
    try {
      const hosts = cluster.masters.map(({ port }) => `127.0.0.1:${port}`).join(",");
      const url = `rediss+cluster://${login}@127.0.0.1:1,${hosts}`;
      const table = connect(url, { serverName: "redis.test" });
      const { lines } = log;
      await expect.poll(async () => (await table.add("a")).kind, patience).toBe("counted");
      lines.length = 0;
      expect(await table.scan("", 10)).toEqual({ kind: "rows", rows: [["a", 1]] });

      // The slot begins to move: what is not here is asked for there.
      const target = cluster.masters.find((one) => one !== cluster.owner) ?? cluster.owner;
      const id = (server: typeof target): Promise<string> =>
        ground.ask(server, async (client) => String(await client.call("CLUSTER", "MYID")));
      const [from, to] = await Promise.all([id(cluster.owner), id(target)]);
      const slot = await ground.ask(target, async (client) =>
        Number(await client.call("CLUSTER", "KEYSLOT", "{counts}")),
      );
      const set = (server: typeof target, ...words: string[]): Promise<unknown> =>
        ground.ask(server, (client) => client.call("CLUSTER", "SETSLOT", slot, ...words));
      await set(target, "IMPORTING", from);
      await set(cluster.owner, "MIGRATING", to);
      const keys = ["goodmailto:{counts}:row:a", "goodmailto:{counts}:order"];
      const auth = ["AUTH", "admin-secret", "KEYS", ...keys];
      await ground.ask(cluster.owner, (client) =>
        client.call("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, ...auth),
      );
      expect(await table.add("a")).toMatchObject({ kind: "counted", count: 2 });

      // Who may not say ASKING has no count until the slot has moved, and does not fall over that.
      const rights = ["on", ">x", "~*", "+@all", "-asking"];
      for (const server of [cluster.owner, target]) {
        await ground.ask(server, (client) => client.call("ACL", "SETUSER", "poor", ...rights));
      }
      const poor = connect(`rediss+cluster://poor:x@127.0.0.1:${target.port},127.0.0.1:${cluster.owner.port}`);
      expect((await poor.add("a")).kind).toBe("unavailable");
      await set(target, "NODE", to);
      await set(cluster.owner, "NODE", to);
      expect(await table.add("a")).toMatchObject({ kind: "counted", count: 3 });

      expect(lines).toEqual([]);

      // Back again, to the master that has a replica, and that one dies.
      await set(cluster.owner, "IMPORTING", to);
      await set(target, "MIGRATING", from);
      await ground.ask(target, (client) =>
        client.call("MIGRATE", "127.0.0.1", cluster.owner.port, "", 0, 1000, ...auth),
      );
      await set(cluster.owner, "NODE", from);
      await set(target, "NODE", from);
      await expect.poll(async () => (await table.add("a")).kind, patience).toBe("counted");
      await until("the replica has it", () =>
        ground.ask(cluster.owner, async (client) => Number(await client.call("WAIT", 1, 1000)) === 1),
      );
      const { longest } = await addThrough(table, () => cluster.owner.kill());
      expect(longest).toBeLessThan(1000);
      expect(await table.add("a")).toMatchObject({ kind: "counted", count: 5 });

      // A master without a replica dies: what it held is away, and nothing else.
      const lone = await cluster.tableOf(target);
      const [kept, lost] = connectAll(url, { serverName: "redis.test" }, ["counts", lone]) as [
        typeof table,
        typeof table,
      ];
      await expect.poll(async () => (await lost.add("a")).kind, patience).toBe("counted");
      await target.kill();
      await expect.poll(async () => (await lost.add("a")).kind, patience).toBe("unavailable");
      for (let i = 0; i < 20; i++) {
        expect(await Promise.all([kept.add("b"), lost.add("b")])).toMatchObject([
          { kind: "counted" },
          { kind: "unavailable" },
        ]);
      }
      const tellsOf = (name: string): string[] => log.lines.filter((line) => line.includes(`"table":"${name}"`));
      expect([tellsOf("counts"), tellsOf(lone).length]).toEqual([[], 1]);
    } finally {
      await cluster.close();
    }
  }, 60_000);

  it("of a master that a sentinel names moves to the replica when it dies", async () => {
    const place = await startRedisSentinel(ground);
    try {
      const url = `rediss+sentinel://${login}@127.0.0.1:1,127.0.0.1:${place.sentinel.port}/mymaster/0`;
      const wrong = connect(url, { sentinelUser: "watcher", sentinelPassword: "no" });
      await expect.poll(async () => (await wrong.add("a")).kind, patience).toBe("unavailable");
      expect(log.lines.join()).toMatch(/WRONGPASS/);

      const table = connect(url, { sentinelUser: "watcher", sentinelPassword: "watch-secret" });
      await expect.poll(async () => (await table.add("a")).kind, patience).toBe("counted");
      await until("the sentinel knows the replica", () =>
        ground.ask(place.master, async (client) => Number(await client.call("WAIT", 1, 1000)) === 1),
      );
      const { longest } = await addThrough(table, () => place.master.kill());
      expect(longest).toBeLessThan(1000);
      expect(await table.add("a")).toMatchObject({ kind: "counted", count: 2 });
    } finally {
      await place.close();
    }
  }, 60_000);

  it("is not spoken to under another name, or with the certificate of another authority", async () => {
    const place = await startRedisSentinel(ground);
    try {
      const url = `rediss://${login}@127.0.0.1:${place.master.port}`;
      for (const [more, why] of [
        [{ serverName: "other.test" }, /altnames|Hostname/],
        [{ ca: "" }, /certificate/],
        [{ password: "no" }, /WRONGPASS|NOAUTH/],
      ] as const) {
        const table = connect(url, more);
        await expect.poll(async () => (await table.add("a")).kind, patience).toBe("unavailable");
        expect(log.lines.join()).toMatch(why);
      }
      const table = connect(url, { serverName: "redis.test" });
      await expect.poll(async () => (await table.add("a")).kind, patience).toBe("counted");
    } finally {
      await place.close();
    }
  }, 30_000);
});
