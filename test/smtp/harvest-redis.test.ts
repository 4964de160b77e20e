/** Two relays that share their counts in a real Redis or Valkey, and what becomes of them while it is unavailable. */
import { hostname } from "node:os";

import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { missingRedis, RedisServer } from "../fakes/redis.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const turnedAway = "421 4.7.0 Too many unknown recipients";
const unknown = /^550 5\.1\.1 /;
const patience = { timeout: 10_000, interval: 20 };

const holding = (log: readonly string[], text: string): string[] => log.filter((line) => line.includes(text));
const there = (relay: TestRelay): number => holding(relay.log, "store answers again").length;
const available = async ({ relay }: TestRelay): Promise<unknown> =>
  (await relay.gauges()).find(({ name }) => name === "state_available")?.value;
const away = (relay: TestRelay): number => holding(relay.log, "store is unavailable").length;

async function greet(relay: TestRelay, from: string): Promise<{ client: SmtpClient; line: string | undefined }> {
  const client = await SmtpClient.open(relay.port, from);
  return { client, line: await client.reply() };
}

/** Asks for unknown recipients, each in a session of its own. @returns the answers */
async function askAt(relay: TestRelay, from: string, times: number): Promise<(string | undefined)[]> {
  const out: (string | undefined)[] = [];
  for (let i = 0; i < times; i++) {
    const { client } = await greet(relay, from);
    await client.command("EHLO client.test");
    await client.command("MAIL FROM:<>");
    out.push(await client.command(`RCPT TO:<stranger${i}@kontor.example>`));
    client.close();
  }
  return out;
}

async function greetingAt(relay: TestRelay, from: string): Promise<string | undefined> {
  const { client, line } = await greet(relay, from);
  client.close();
  return line;
}

async function becomesBlocked(relay: TestRelay, from: string): Promise<void> {
  await expect.poll(() => greetingAt(relay, from), patience).toBe(turnedAway);
}

describe.skipIf(missingRedis())("harvest counts in Redis", () => {
  let redis: RedisServer;
  let one: TestRelay;
  let two: TestRelay;

  const startOne = (limits = ""): Promise<TestRelay> =>
    startTestRelay({
      config: `[state]\nstore = "${redis.url}"\n[limits]\nharvest_client_limit = 4\nharvest_hangup_after = 3\nharvest_delay_after = 0\n${limits}`,
      snapshot: ["anna@kontor.example"],
    });

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.close());
  beforeEach(async () => {
    [one, two] = await Promise.all([startOne(), startOne()]);
    // Each tells the other of its connections.
    await expect.poll(async () => (await keys(`connections ${hostname()}`)).length, patience).toBe(2);
  });
  afterEach(() => Promise.all([one.stop(), two.stop()]));

  const ask = async <T>(question: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(redis.url);
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  };
  const keys = (table: string): Promise<string[]> => ask((client) => client.keys(`goodmailto:{${table}}:row:*`));
  const countOf = (network: string): Promise<number> =>
    ask(async (client) => Number(await client.get(`goodmailto:{harvest}:row:${network}`)));

  it("are one count for two relays, and end by themselves", async () => {
    expect(await askAt(one, "127.0.1.1", 2)).toEqual([expect.stringMatching(unknown), expect.stringMatching(unknown)]);
    await expect.poll(() => countOf("127.0.1.1"), patience).toBe(2);
    await askAt(two, "127.0.1.1", 2);
    await becomesBlocked(two, "127.0.1.1");
    expect(holding(two.log, "by=client unknown=4")).toHaveLength(1);
    // The other one learns of it with the next connection.
    expect(await greetingAt(one, "127.0.1.1")).toBe(turnedAway);
    expect(holding(one.log, 'by="another process" blocked=127.0.1.1')).toHaveLength(1);
    expect(await greetingAt(one, "127.0.1.2")).toMatch(/^220 /);
    const left = await ask((client) => client.pttl("goodmailto:{harvest}:row:127.0.1.1"));
    expect(left).toBeGreaterThan(500_000);
    expect(left).toBeLessThanOrEqual(600_000);
  });

  it("carry a session's hang-up to the other relay", async () => {
    const { client } = await greet(one, "127.0.2.1");
    await client.command("EHLO client.test");
    await client.command("MAIL FROM:<>");
    for (const answer of [unknown, unknown, turnedAway]) {
      expect(await client.command("RCPT TO:<nobody@kontor.example>")).toMatch(answer);
    }
    await expect.poll(() => countOf("127.0.2.1"), patience).toBe(4);
    await askAt(two, "127.0.2.1", 1);
    await becomesBlocked(two, "127.0.2.1");
  });

  it("go on in each relay while Redis is dead, and are shared again afterwards", async () => {
    await redis.kill();
    try {
      await expect.poll(() => away(one) + away(two), patience).toBe(2);
      expect(await askAt(one, "127.0.3.1", 3)).toEqual(Array(3).fill(expect.stringMatching(unknown)));
      expect(await askAt(two, "127.0.3.1", 3)).toEqual(Array(3).fill(expect.stringMatching(unknown)));
      await askAt(one, "127.0.3.1", 1);
      await becomesBlocked(one, "127.0.3.1");
      expect(await greetingAt(two, "127.0.3.1")).toMatch(/^220 /);
      expect([away(one), away(two)]).toEqual([1, 1]);
      expect(await available(one)).toBe(0);
    } finally {
      await redis.start();
    }
    await expect.poll(() => there(one) + there(two), patience).toBe(2);
    expect(await available(one)).toBe(1);
    await askAt(one, "127.0.3.2", 2);
    await expect.poll(() => countOf("127.0.3.2"), patience).toBe(2);
    await askAt(two, "127.0.3.2", 2);
    await becomesBlocked(two, "127.0.3.2");
    expect(one.metrics.totals()["session_faults"] ?? 0).toBe(0);
  });

  it("hold up no answer while Redis is frozen", async () => {
    redis.freeze();
    try {
      const since = performance.now();
      expect(await askAt(one, "127.0.4.1", 3)).toEqual(Array(3).fill(expect.stringMatching(unknown)));
      expect(performance.now() - since).toBeLessThan(3000);
      await expect.poll(() => away(one), patience).toBe(1);
      await askAt(one, "127.0.4.1", 1);
      await becomesBlocked(one, "127.0.4.1");
      expect(holding(one.log, "store is unavailable")).toEqual([expect.stringContaining('why="Command timed out"')]);
    } finally {
      redis.thaw();
    }
    await askAt(one, "127.0.4.2", 1);
    await expect.poll(() => there(one), patience).toBe(1);
  });

  it("begin in this process where Redis was never there, and move at a reload", async () => {
    await two.stop();
    two = await startTestRelay({
      config: '[state]\nstore = "redis://127.0.0.1:1"\n[limits]\nharvest_client_limit = 2',
      snapshot: ["anna@kontor.example"],
    });
    await expect.poll(() => away(two), patience).toBe(1);
    await askAt(two, "127.0.5.1", 2);
    await becomesBlocked(two, "127.0.5.1");
    two.reload(`[state]\nstore = "${redis.url}"`);
    await expect.poll(async () => (await keys(`connections ${hostname()}`)).length, patience).toBe(2);
    await askAt(two, "127.0.5.2", 1);
    await expect.poll(() => countOf("127.0.5.2"), patience).toBe(1);
    expect(await greetingAt(two, "127.0.5.1")).toBe(turnedAway);
  });
});
