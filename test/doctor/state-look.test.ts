/** `goodmailto doctor` and the Redis of `[state]`: a real one that answers, refuses the user, lacks rights, and is dead. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { lookAtState } from "../../src/doctor/state-look.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { missingRedis, RedisServer } from "../fakes/redis.ts";
import { settingsOf } from "../fakes/relay.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";

describe.skipIf(missingRedis())("doctor, of a Redis", () => {
  let redis: RedisServer;
  const look = (store: string): Promise<readonly Finding[]> =>
    lookAtState(settingsOf(`[state]\nstore = "${store}"\n`, temporaryFolder()));
  const at = (user: string): string => redis.url.replace("//", `//${user}@`);

  beforeAll(async () => {
    redis = await RedisServer.start();
    const client = new Redis(redis.url);
    await client.call(
      "ACL",
      "SETUSER",
      "good",
      "on",
      ">right",
      "~goodmailto:*",
      "+evalsha",
      "+eval",
      "+info",
      "+zrange",
    );
    await client.call("ACL", "SETUSER", "poor", "on", ">right", "~*", "+info", "+get");
    client.disconnect();
  });
  afterAll(() => redis.close());

  it("says that it answers, or why not, without the password", async () => {
    const place = `Redis at 127.0.0.1:${redis.port}`;
    expect(await look(at("good:right"))).toEqual([{ what: "state", state: "ok", said: `${place} answers` }]);
    for (const [user, why] of [
      ["good:wrong", /WRONGPASS/],
      ["poor:right", /NOPERM .*eval/],
    ] as const) {
      const [{ state, said } = { state: "ok", said: "" }] = await look(at(user));
      expect([state, said]).toEqual(["fault", expect.stringMatching(why)]);
      expect(said.startsWith(`${place}: `)).toBe(true);
    }
    await redis.kill();
    expect(await look(at("good:right"))).toMatchObject([
      { state: "fault", said: expect.stringContaining("ECONNREFUSED") as string },
    ]);
    expect(await look("memory")).toEqual([]);
  });
});
