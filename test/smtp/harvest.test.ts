/** Harvest defence on real sockets; times are short by configuration, and bounds generous where time itself is the subject. */
import { writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

import { afterEach, describe, expect, it } from "vitest";

import { delayOf } from "../../src/smtp/harvest/harvest.ts";
import { HarvestLedger, maxNetworks } from "../../src/smtp/harvest/ledger.ts";
import { startDns } from "../fakes/dns.ts";
import { skipped } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const turnedAway = "421 4.7.0 Too many unknown recipients";
const unknown = /^550 5\.1\.1 /;
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) {
    await part.close();
  }
});

interface Scene {
  /** Lines of `[limits]`. */
  readonly limits: string;
  readonly more?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** A relay that knows anna, and a next hop that takes everything. */
async function start({ limits, more = "", files = {} }: Scene): Promise<TestRelay & { readonly config: string }> {
  const hop = await startNextHop();
  running.push(hop);
  const route = `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;
  const config = `[limits]\n${limits}\n${more}\n${route}`;
  const relay = await startTestRelay({ config, snapshot: ["anna@kontor.example"], files });
  running.push({ close: () => relay.stop() });
  return { ...relay, config };
}

async function connectFrom(port: number, from = "127.0.0.1"): Promise<SmtpClient> {
  const client = await SmtpClient.open(port, from, from.includes(":") ? "::1" : "127.0.0.1");
  running.push(client);
  return client;
}

/** A client that has begun a transaction. */
async function begin(port: number, from?: string): Promise<SmtpClient> {
  const client = await connectFrom(port, from);
  expect(await client.reply()).toMatch(/^220 /);
  await client.command("EHLO client.test");
  expect(await client.command("MAIL FROM:<>")).toMatch(/^250 /);
  return client;
}

const ask = (client: SmtpClient, user: string): Promise<string | undefined> =>
  client.command(`RCPT TO:<${user}@kontor.example>`);

/** Asks for unknown recipients until one is not answered 550. @returns how many were, and the other answer */
async function harvest(client: SmtpClient, most: number): Promise<{ refused: number; last: string | undefined }> {
  for (let i = 0; i < most; i++) {
    const answer = await ask(client, `stranger${i}`);
    if (answer === undefined || !unknown.test(answer)) {
      return { refused: i, last: answer };
    }
  }
  return { refused: most, last: undefined };
}

async function greeting(port: number, from?: string): Promise<string | undefined> {
  const client = await connectFrom(port, from);
  const line = await client.reply();
  client.close();
  return line;
}

const limitLines = (log: readonly string[]): string[] => log.filter((line) => line.includes("limit=harvest"));
const counted = (relay: TestRelay, limit: string): number => relay.metrics.totals()[`limits{limit="${limit}"}`] ?? 0;

describe("harvest delay", () => {
  it("doubles from one second up to its bound, from the configured recipient on", () => {
    const settings = { delayAfter: 3, delayMax: 10_000, hangupAfter: 0, clientLimit: 0, window: 1000, block: 0 };
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 5000].map((nth) => delayOf(nth, settings));
    expect(delays).toEqual([0, 0, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    expect(delayOf(5, { ...settings, delayMax: 0 })).toBe(0);
    expect(delayOf(5000, { ...settings, delayAfter: 0 })).toBe(0);
  });

  it("grows, and holds neither known recipients nor other sessions", async () => {
    const { port } = await start({ limits: 'harvest_delay_after = 2\nharvest_delay_max = "2s"' });
    const [slow, other] = [await begin(port), await begin(port)];
    const order: string[] = [];
    const timed = async (client: SmtpClient, user: string): Promise<number> => {
      const since = performance.now();
      expect(await ask(client, user)).toMatch(user === "anna" ? /^250 / : unknown);
      order.push(user);
      return performance.now() - since;
    };
    expect(await timed(slow, "nobody1")).toBeLessThan(900);
    expect(await timed(slow, "nobody2")).toBeGreaterThan(950);
    const late = timed(slow, "nobody3");
    await timed(other, "nobody-else");
    await timed(other, "anna");
    expect(await late).toBeGreaterThan(1950);
    expect(order).toEqual(["nobody1", "nobody2", "nobody-else", "anna", "nobody3"]);
    expect(await timed(slow, "anna")).toBeLessThan(1500);
  });

  it("keeps the order of pipelined answers", async () => {
    const { port } = await start({ limits: 'harvest_delay_after = 1\nharvest_delay_max = "100ms"' });
    const client = await begin(port);
    const commands = ["nobody1", "anna", "nobody2"].map((user) => `RCPT TO:<${user}@kontor.example>\r\n`);
    client.write(commands.join(""));
    const codes = [await client.reply(), await client.reply(), await client.reply()].map((line) => line?.slice(0, 3));
    expect(codes).toEqual(["550", "250", "550"]);
  });

  it("is over for nobody when the client goes away meanwhile", async () => {
    const relay = await start({ limits: 'harvest_delay_after = 1\nharvest_delay_max = "200ms"' });
    const client = await begin(relay.port);
    client.write("RCPT TO:<nobody@kontor.example>\r\n");
    await expect.poll(() => relay.log.some((line) => line.includes("not found"))).toBe(true);
    client.destroy();
    const next = await begin(relay.port);
    expect(await ask(next, "nobody")).toMatch(unknown);
    expect(relay.metrics.totals()["session_faults"]).toBe(0);
  });
});

describe("harvest hang-up", () => {
  const quick = "harvest_delay_after = 0\nharvest_hangup_after = 4";

  it("hangs up at the configured recipient, then refuses this client alone, then lets it in again", async () => {
    const relay = await start({ limits: `${quick}\nharvest_block = "2s"` });
    const { port } = relay;
    const client = await begin(port, "127.0.0.2");
    expect(await ask(client, "anna")).toMatch(/^250 /);
    expect(await harvest(client, 9)).toEqual({ refused: 3, last: turnedAway });
    expect(await client.closed()).toBe(true);
    const refused = await connectFrom(port, "127.0.0.2");
    expect(await refused.reply()).toBe(turnedAway);
    expect(await refused.closed()).toBe(true);
    expect(await greeting(port, "127.0.0.2")).toBe(turnedAway);
    expect(await greeting(port, "127.0.0.3")).toMatch(/^220 /);
    expect(limitLines(relay.log)).toHaveLength(1);
    expect(limitLines(relay.log)[0]).toMatch(/ip=127\.0\.0\.2 .*by=session unknown=4 blocked=127\.0\.0\.2 seconds=2/);
    expect([counted(relay, "harvest"), counted(relay, "harvest block")]).toEqual([1, 2]);
    // The refused ones came no further than the door.
    expect(relay.metrics.totals()['connections{result="accepted"}']).toBe(2);
    await expect.poll(() => greeting(port, "127.0.0.2"), { timeout: 10_000, interval: 100 }).toMatch(/^220 /);
    expect(await harvest(await begin(port, "127.0.0.2"), 9)).toEqual({ refused: 3, last: turnedAway });
    expect(limitLines(relay.log)).toHaveLength(2);
  });

  it("lets sessions of a blocked client go on with known recipients", async () => {
    const { port } = await start({ limits: quick });
    const [early, client] = [await begin(port), await begin(port)];
    await harvest(client, 9);
    expect(await ask(early, "anna")).toMatch(/^250 /);
    expect(await ask(early, "nobody")).toBe(turnedAway);
    expect(await early.closed()).toBe(true);
  });

  it("counts a client over its sessions, and clients apart", async () => {
    const relay = await start({ limits: "harvest_hangup_after = 0\nharvest_client_limit = 4" });
    for (let i = 0; i < 4; i++) {
      const client = await begin(relay.port, "127.0.0.2");
      expect(await ask(client, `nobody${i}`)).toMatch(unknown);
      client.close();
      expect(await ask(await begin(relay.port, "127.0.0.3"), "nobody")).toMatch(unknown);
    }
    expect(await greeting(relay.port, "127.0.0.2")).toBe(turnedAway);
    expect(await greeting(relay.port, "127.0.0.3")).toBe(turnedAway);
    expect(await greeting(relay.port, "127.0.0.4")).toMatch(/^220 /);
    expect(limitLines(relay.log).map((line) => / by=(\S+ unknown=\d+)/.exec(line)?.[1])).toEqual([
      "client unknown=4",
      "client unknown=4",
    ]);
  });

  it("blocks nobody with harvest_block = 0s, and still hangs up", async () => {
    const relay = await start({ limits: `${quick}\nharvest_client_limit = 6\nharvest_block = "0s"` });
    expect(await harvest(await begin(relay.port), 9)).toEqual({ refused: 3, last: turnedAway });
    const next = await begin(relay.port);
    expect(await harvest(next, 9)).toEqual({ refused: 2, last: turnedAway });
    expect(await harvest(await begin(relay.port), 9)).toEqual({ refused: 0, last: turnedAway });
    expect(await ask(await begin(relay.port), "anna")).toMatch(/^250 /);
    expect(counted(relay, "harvest block")).toBe(0);
    expect(counted(relay, "harvest")).toBe(3);
  });

  it("is off with 0", async () => {
    const limits = "harvest_delay_after = 0\nharvest_hangup_after = 0\nharvest_client_limit = 0\nsession_errors = 1000";
    const { port, log } = await start({ limits });
    expect(await harvest(await begin(port), 200)).toEqual({ refused: 200, last: undefined });
    expect(limitLines(log)).toEqual([]);
  });

  it("does not count what an observed check would have refused", async () => {
    const { port, log } = await start({ limits: quick, more: '[recipients]\nmode = "observe"' });
    const client = await begin(port);
    for (let i = 0; i < 12; i++) {
      expect(await ask(client, `stranger${i}`)).toMatch(/^250 /);
    }
    expect(limitLines(log)).toEqual([]);
  });

  it("does not count what other checks refuse", async () => {
    const { port, log } = await start({ limits: quick });
    const client = await begin(port);
    for (let i = 0; i < 12; i++) {
      expect(await client.command(`RCPT TO:<stranger${i}@elsewhere.example>`)).toMatch(/^550 5\.7\.1 /);
    }
    expect(limitLines(log)).toEqual([]);
  });

  it("does not count anybody while there is no snapshot", async () => {
    const relay = await startTestRelay({
      config: `[limits]\n${quick}\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:1"`,
    });
    running.push({ close: () => relay.stop() });
    const client = await begin(relay.port);
    for (let i = 0; i < 12; i++) {
      expect(await ask(client, `stranger${i}`)).toMatch(/^4/);
    }
    expect(limitLines(relay.log)).toEqual([]);
  });

  it("counts an IPv4 client as one, whichever listener it comes to", async () => {
    const more = '[smtp]\nlisten = ["127.0.0.1:0", "[::]:0"]\ngreeting_delay = "0ms"\nhostname = "mx.kontor.example"';
    const { port, ports } = await start({ limits: quick, more: hasIpv6 ? more : "" });
    await harvest(await begin(port), 9);
    expect(await greeting(ports.at(-1) ?? 0)).toBe(turnedAway);
  });

  it.skipIf(!hasIpv6 && skipped("no IPv6 loopback address"))("blocks an IPv6 client by its /64", async () => {
    const more = '[smtp]\nlisten = ["[::1]:0"]\ngreeting_delay = "0ms"\nhostname = "mx.kontor.example"';
    const relay = await start({ limits: quick, more });
    await harvest(await begin(relay.port, "::1"), 9);
    expect(await greeting(relay.port, "::1")).toBe(turnedAway);
    expect(limitLines(relay.log)[0]).toContain("blocked=0:0:0:0::/64");
  });
});

describe("harvest exemption", () => {
  const quick = "harvest_delay_after = 1\nharvest_hangup_after = 3\nharvest_client_limit = 5";
  const rules = '[clients]\nrules = "{folder}/rules"';

  it("lets clients with RELAYCLIENT and NOGOODMAILTO ask as they like", async () => {
    const text = '127.0.0.2:allow,RELAYCLIENT=""\n127.0.0.3:allow,NOGOODMAILTO=""\n';
    const { port, log } = await start({ limits: quick, more: rules, files: { rules: text } });
    const relaying = await begin(port, "127.0.0.2");
    expect(await harvest(relaying, 8)).toEqual({ refused: 8, last: undefined });
    const bypassing = await begin(port, "127.0.0.3");
    expect(await ask(bypassing, "stranger")).toMatch(/^250 /);
    expect(await ask(await begin(port, "127.0.0.2"), "nobody")).toMatch(unknown);
    expect(limitLines(log)).toEqual([]);
  });

  it("lets a blocked client in once a rule exempts it, and the block outlives a reload", async () => {
    const { port, reload, config, folder } = await start({
      limits: quick.replace("delay_after = 1", "delay_after = 0"),
      more: rules,
      files: { rules: ":allow\n" },
    });
    await harvest(await begin(port, "127.0.0.2"), 9);
    reload(config);
    expect(await greeting(port, "127.0.0.2")).toBe(turnedAway);
    writeFileSync(`${folder}/rules`, '127.0.0.2:allow,NOGOODMAILTO=""\n');
    reload(config);
    expect(await greeting(port, "127.0.0.2")).toMatch(/^220 /);
  });

  it("asks rules by host name first where there are any", async () => {
    const dns = await startDns();
    running.push(dns);
    dns.add("2.0.0.127.in-addr.arpa", "PTR", "friend.example");
    dns.add("friend.example", "A", "127.0.0.2");
    const smtp = `[smtp]\nlisten = ["127.0.0.1:0"]\ngreeting_delay = "0ms"\nhostname = "mx.kontor.example"\n[dns]\nservers = ["${dns.server}"]`;
    const { port, reload, config, folder } = await start({
      limits: quick.replace("delay_after = 1", "delay_after = 0"),
      more: `${rules}\n${smtp}`,
      files: { rules: ":allow\n" },
    });
    for (const from of ["127.0.0.2", "127.0.0.3"]) {
      expect(await harvest(await begin(port, from), 9)).toEqual({ refused: 2, last: turnedAway });
      expect(await greeting(port, from)).toBe(turnedAway);
    }
    expect(dns.asked).toEqual([]);
    writeFileSync(`${folder}/rules`, '=friend.example:allow,RELAYCLIENT=""\n');
    reload(config);
    expect(await harvest(await begin(port, "127.0.0.2"), 9)).toEqual({ refused: 9, last: undefined });
    expect(await greeting(port, "127.0.0.3")).toBe(turnedAway);
  });
});

describe("harvest ledger", () => {
  it("remembers a bounded number of clients, the latest ones", async () => {
    const ledger = new HarvestLedger();
    const name = (i: number): string => `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::/64`;
    for (let i = 0; i < 100_000; i++) {
      await ledger.add(name(i), 600_000);
      void ledger.block(name(i), 600_000);
    }
    expect(ledger.sizes).toEqual({ counted: maxNetworks, blocked: maxNetworks });
    expect(await ledger.add(name(99_999), 600_000)).toMatchObject({ count: 2 });
    expect(await ledger.add(name(0), 600_000)).toMatchObject({ count: 1 });
    expect([ledger.isBlocked(name(99_999)), ledger.isBlocked(name(0))]).toEqual([true, false]);
  });

  it("forgets a count at the end of its window, however often it grows meanwhile", async () => {
    const ledger = new HarvestLedger();
    const since = performance.now();
    expect([(await ledger.add("192.0.2.1", 200)).count, (await ledger.add("192.0.2.1", 200)).count]).toEqual([1, 2]);
    await expect.poll(async () => (await ledger.add("192.0.2.1", 200)).count, { interval: 10 }).toBe(1);
    expect(performance.now() - since).toBeGreaterThan(190);
  });

  it("forgets blocks that are over", () => {
    let now = 0;
    const ledger = new HarvestLedger(() => now);
    void ledger.block("192.0.2.1", 1000);
    void ledger.block("192.0.2.2", 1000);
    now = 999;
    expect(ledger.isBlocked("192.0.2.1")).toBe(true);
    now = 1000;
    expect(ledger.isBlocked("192.0.2.1")).toBe(false);
    void ledger.block("192.0.2.3", 1000);
    expect(ledger.sizes.blocked).toBe(1);
  });
});

describe("harvest settings", () => {
  const faults = (line: string): string => {
    try {
      settingsOf(`[limits]\n${line}\n`, "/tmp");
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("name a store by a word or a Redis URL", () => {
    const words = ["auto", "memory", "sqlite"];
    for (const right of [...words, "redis://127.0.0.1:6379", "rediss://user:word@redis.example/2", "redis://[::1]"]) {
      expect(faults(`[state]\nstore = "${right}"`), right).toBe("");
    }
    for (const wrong of ["", "localhost", "http://127.0.0.1", "redis://", "127.0.0.1:6379"]) {
      expect(faults(`[state]\nstore = "${wrong}"`), wrong).toContain("state.store");
    }
    expect(faults('[state]\nfolder = "state"')).toContain("an absolute path");
    expect(faults('harvest_store = ""')).toContain("is now `store` in [state]");
  });

  it("keep times within what a client and a store bear", () => {
    expect(faults('harvest_delay_max = "5m"')).toContain('from "0s" to "4m"');
    expect(faults('harvest_window = "0s"')).toContain('from "1s" to "24h"');
    expect(faults('harvest_block = "25h"')).toContain('from "0s" to "24h"');
    expect(faults('harvest_block = "0s"')).toBe("");
  });
});
