/** `[limits] connection_rate`: by a clock that the test moves, on sockets, and with DNS that must not be asked. */
import { networkInterfaces } from "node:os";

import { afterEach, describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { ConnectionRate, createConnectionCounts } from "../../src/smtp/connection-rate.ts";
import { startDns } from "../fakes/dns.ts";
import { skipped } from "../fakes/need.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const tooMany = "421 4.7.0 Too many connections, try later";
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) {
    await part.close();
  }
});

async function start(limits: string, more = "", files: Readonly<Record<string, string>> = {}) {
  const config = `[limits]\n${limits}\n${more}`;
  const relay = await startTestRelay({ config, files });
  running.push({ close: () => relay.stop() });
  return { ...relay, config };
}

/** The greeting; the client leaves again. */
async function greetingOf({ port }: Pick<TestRelay, "port">, from = "127.0.0.1"): Promise<string> {
  const client = await SmtpClient.open(port, from, from.includes(":") ? "::1" : "127.0.0.1");
  try {
    return (await client.reply()) ?? "";
  } finally {
    client.close();
  }
}

async function greetings(relay: Pick<TestRelay, "port">, count: number, from?: string): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < count; i++) {
    all.push((await greetingOf(relay, from)).slice(0, 3));
  }
  return all;
}

describe("the connection rate", () => {
  it("begins its time with a client's first connection, however many come within it", () => {
    let now = 0;
    const rate = new ConnectionRate(
      { rate: { count: 10, window: 60_000 }, exempt: [] },
      createConnectionCounts(() => now),
    );
    const connect = (ip = "192.0.2.7"): unknown => rate.exceeds(ip, new Map());
    expect(Array.from({ length: 10 }, () => connect())).toEqual(Array(10).fill(false));
    now = 59_999;
    expect([connect(), connect(), connect("192.0.2.8")]).toEqual([true, true, false]);
    now = 60_000;
    expect(Array.from({ length: 11 }, () => connect())).toEqual([...Array(10).fill(false), true]);
  });

  it("counts an IPv6 network as one client, and no client that a rule or the setting exempts", () => {
    const settings = { rate: { count: 1, window: 60_000 }, exempt: ["192.0.2.", "10.1", "2001:db8:9::/48"] };
    const rate = new ConnectionRate(settings, createConnectionCounts());
    const connect = (ip: string, ...variables: string[]): unknown =>
      rate.exceeds(ip, new Map(variables.map((name) => [name, ""])));
    expect([connect("2001:db8::1"), connect("2001:db8::2"), connect("2001:db8:0:1::1")]).toEqual([false, true, false]);
    for (const ip of ["192.0.2.9", "10.1.2.3", "10.100.0.1", "2001:db8:9:ffff::1"]) {
      expect([connect(ip), connect(ip)]).toEqual([false, false]);
    }
    expect([connect("198.51.100.1", "RELAYCLIENT"), connect("198.51.100.1", "NOGOODMAILTO")]).toEqual([false, false]);
    expect([connect("198.51.100.1"), connect("198.51.100.1")]).toEqual([false, true]);
  });
});

describe("a relay with a connection rate", () => {
  it("turns the eleventh connection of a minute away, and not those of others", async () => {
    const relay = await start('connection_rate = "10/60s"\nconnection_rate_exempt = ["127.0.1."]');
    expect(await greetings(relay, 10)).toEqual(Array(10).fill("220"));
    expect([await greetingOf(relay), await greetingOf(relay)]).toEqual([tooMany, tooMany]);
    expect(await greetings(relay, 1, "127.0.0.2")).toEqual(["220"]);
    expect(await greetings(relay, 12, "127.0.1.9")).toEqual(Array(12).fill("220"));
    expect(relay.log.filter((line) => line.includes("limit"))).toEqual([
      'smtp: limit limit="connection rate" client=127.0.0.1',
    ]);
    expect(relay.metrics.totals()['limits{limit="connection rate"}']).toBe(2);
  });

  it("counts at every listener together, and goes on counting over a reload", async () => {
    const relay = await start(
      'connection_rate = "3/60s"',
      '[[listener]]\nname = "a"\nlisten = ["127.0.0.1:0"]\n[[listener]]\nname = "b"\nlisten = ["127.0.0.1:0"]\n',
    );
    const [one = 0, two = 0] = relay.ports;
    expect([...(await greetings({ port: one }, 2)), ...(await greetings({ port: two }, 2))]).toEqual([
      "220",
      "220",
      "220",
      "421",
    ]);
    relay.reload(relay.config.replace("3/60s", "5/60s"));
    expect(await greetings({ port: one }, 2)).toEqual(["220", "421"]);
    relay.reload(relay.config.replace("3/60s", ""));
    expect(await greetings({ port: one }, 2)).toEqual(["220", "220"]);
  });

  it("asks DNS nothing about a client that is one too many, but where a rule by host name may exempt it", async () => {
    const dns = await startDns();
    running.push(dns);
    const names = `[smtp]\nlisten = ["127.0.0.1:0"]\nreverse_lookup = true\ngreeting_delay = "0ms"\n[dns]\nservers = ["${dns.server}"]\n`;
    const first = await start('connection_rate = "1/60s"', names);
    expect(await greetings(first, 1)).toEqual(["220"]);
    const asked = dns.asked.length;
    expect(asked).toBeGreaterThan(0);
    expect(await greetings(first, 3)).toEqual(["421", "421", "421"]);
    expect(dns.asked.length).toBe(asked);
    dns.add("5.0.0.127.in-addr.arpa", "PTR", "mx.friend.test");
    dns.add("mx.friend.test", "A", "127.0.0.5");
    const rules = '=mx.friend.test:allow,NOGOODMAILTO=""\n127.0.0.6:allow,RELAYCLIENT=""\n127.0.0.7:deny\n:allow\n';
    const second = await start('connection_rate = "1/60s"', `${names}[clients]\nrules = "{folder}/rules"\n`, { rules });
    expect(await greetings(second, 3, "127.0.0.5")).toEqual(["220", "220", "220"]);
    expect(await greetings(second, 3, "127.0.0.6")).toEqual(["220", "220", "220"]);
    expect(await greetings(second, 3, "127.0.0.7")).toEqual(["", "", ""]);
    expect(await greetings(second, 2, "127.0.0.8")).toEqual(["220", "421"]);
  });

  it.skipIf(!hasIpv6 && skipped("no IPv6 loopback address"))("counts clients of IPv6", async () => {
    const relay = await start(
      'connection_rate = "2/60s"',
      '[smtp]\nlisten = ["[::1]:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n',
    );
    expect(await greetings(relay, 3, "::1")).toEqual(["220", "220", "421"]);
  });

  it("leaves a client alone that goes before it is told, and is off by default", async () => {
    const relay = await start('connection_rate = "1/60s"');
    for (let i = 0; i < 20; i++) {
      (await SmtpClient.open(relay.port)).close();
    }
    expect(await greetingOf(relay)).toBe(tooMany);
    expect(relay.log.filter((line) => line.includes("fault"))).toEqual([]);
    const usual = await start("");
    expect(await greetings(usual, 30)).toEqual(Array(30).fill("220"));
  });
});

describe("the settings of the connection rate", () => {
  it.each([
    [
      'connection_rate = "10"',
      /connection_rate: must be a number and a time from 1s to 24h such as "10\/60s", or "", not "10"/,
    ],
    ['connection_rate = "0/60s"', /must be a number and a time/],
    ['connection_rate = "10/0s"', /must be a number and a time/],
    ['connection_rate = "10/2d"', /from 1s to 24h/],
    ["connection_rate = 10", /must be a number and a time/],
    ['connection_rate_exempt = ["192.0.2.0/40"]', /must be an IP address, a prefix such as/],
  ])("%s is an error", (line, words) => {
    const loaded = checkConfig(`[limits]\n${line}\n`, "c.toml", schemaFor, []);
    const faults = loaded.kind === "faults" ? loaded.faults.filter(({ key }) => key.startsWith("limits")) : [];
    expect(faults.map(({ line: at, key, message }) => `${at} ${key}: ${message}`)).toEqual([
      expect.stringMatching(words),
    ]);
  });
});
