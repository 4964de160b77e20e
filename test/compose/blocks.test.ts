/** Every kind of block, seen and ended: by a relay alone, by one beside it, and by one of a fleet. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { blockedNetwork } from "../../src/compose/blocks.ts";
import type { Block, BlockKind } from "../../src/compose/blocks.ts";
import { missingRedis, RedisServer } from "../fakes/redis.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
const config = (state: string): string => `
[limits]
harvest_hangup_after = 2
harvest_delay_after = 0
connection_rate = "5/10m"
[state]
${state}
[checks]
run = ["blacklist", "goodmailto"]
[checks.blacklist]
rate = "2/1m"
block = "2h"
events = ["relaying denied"]
[tls]
cert = "cert.pem"
key = "key.pem"
[auth]
command = ["/bin/false", "/bin/true"]
failure_delay = "1ms"
max_failures = 2
[[listener]]
name = "smtp"
listen = ["127.0.0.1:0"]
[[listener]]
name = "submission"
listen = ["127.0.0.1:0"]
auth = true
`;

/** Who was blocked as what. */
const clients: Readonly<Record<BlockKind, string>> = {
  harvest: "127.0.0.2",
  connections: "127.0.0.3",
  blacklist: "127.0.0.4",
  logins: "127.0.0.5",
};

async function say(port: number, from: string, ...lines: string[]): Promise<string | undefined> {
  const client = await SmtpClient.open(port, from);
  let said = await client.reply();
  for (const line of lines) {
    said = await client.command(line);
    if (line === "STARTTLS") {
      await client.startTls();
    }
  }
  client.close();
  return said;
}

const begin = ["EHLO x.example", "MAIL FROM:<s@sender.example>"];
const login = ["EHLO x.example", "STARTTLS", "EHLO x.example", "AUTH PLAIN AHgAeQ=="];

/** What a client that is blocked as this hears, or one that is not. */
const heard: Readonly<Record<BlockKind, (relay: TestRelay) => Promise<string | undefined>>> = {
  harvest: ({ port }) => say(port, clients.harvest),
  connections: ({ port }) => say(port, clients.connections),
  blacklist: ({ port }) => say(port, clients.blacklist),
  logins: ({ ports }) => say(ports[1] ?? 0, clients.logins, ...login),
};

async function blockAll({ port, ports }: TestRelay): Promise<void> {
  await say(port, clients.harvest, ...begin, "RCPT TO:<a@kontor.example>", "RCPT TO:<b@kontor.example>");
  for (let i = 0; i < 6; i++) {
    await say(port, clients.connections);
  }
  await say(port, clients.blacklist, ...begin, "RCPT TO:<a@other.example>", "RCPT TO:<b@other.example>");
  await say(ports[1] ?? 0, clients.logins, ...login, login.at(-1) ?? "");
}

const blocks = async ({ relay }: TestRelay): Promise<readonly Block[]> =>
  ((await relay.answer({ ask: "blocks" })) as { blocks: Block[] }).blocks;
const end = async ({ relay }: TestRelay, network: string, kind?: BlockKind): Promise<unknown> =>
  (await relay.answer({ ask: "end blocks", network, kind })) as unknown;
const named = (held: readonly Block[]) => held.map(({ kind, network }) => `${kind} ${network}`).toSorted();
const all = Object.entries(clients).map(([kind, network]) => `${kind} ${network}`);

describe("blocks of a relay", () => {
  const running: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of running.splice(0).toReversed()) {
      await one.stop();
    }
  });
  const start = async (state: string): Promise<TestRelay> => {
    const relay = await startTestRelay({
      config: config(state),
      snapshot: ["vera@kontor.example"],
      files: { "cert.pem": own.certificate, "key.pem": own.key },
    });
    running.push(relay);
    return relay;
  };

  /** @param other where they are asked for and ended */
  async function prove(relay: TestRelay, other: TestRelay): Promise<void> {
    await blockAll(relay);
    await expect.poll(async () => named(await blocks(other)), { timeout: 5000 }).toEqual(all.toSorted());
    const held = await blocks(other);
    expect(held.find(({ kind }) => kind === "blacklist")?.why).toBe("refused too often: relaying denied");
    expect(held.find(({ kind }) => kind === "logins")?.why).toBe("2 wrong passwords");
    for (const { kind, seconds } of held) {
      expect([kind, seconds > 0 && seconds <= (kind === "blacklist" ? 7200 : 600)]).toEqual([kind, true]);
    }
    let left = all;
    for (const kind of ["logins", "blacklist", "connections", "harvest"] as const) {
      expect([kind, await heard[kind](relay)]).toEqual([kind, expect.stringMatching(/^4[25][14] /)]);
      const network = clients[kind];
      const others = (["logins", "blacklist", "connections", "harvest"] as const).filter((one) => one !== kind);
      // By another name it stays.
      expect(await end(other, network, others[0])).toEqual({ ended: [] });
      expect(await end(other, network)).toEqual({ ended: [kind] });
      expect(await end(other, network)).toEqual({ ended: [] });
      left = left.filter((one) => one !== `${kind} ${network}`);
      // The relay that holds it itself learns of it when the client comes again.
      await expect
        .poll(() => heard[kind](relay), { timeout: 5000, interval: 600 })
        .toMatch(kind === "logins" ? /^535 / : /^220 /);
      expect(named(await blocks(other)).filter((one) => !one.startsWith(kind))).toEqual(
        left.filter((one) => !one.startsWith(kind)).toSorted(),
      );
    }
  }

  it("are known and ended in memory", async () => {
    const relay = await start('store = "memory"');
    await prove(relay, relay);
  });

  it("are known and ended by another process of the same state", async () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-blocks-"));
    running.push({ stop: async () => rmSync(folder, { recursive: true }) });
    const state = `store = "sqlite"\nfolder = "${folder}"`;
    await prove(await start(state), await start(state));
  });

  it.skipIf(missingRedis())("are known and ended by another relay of a fleet", async () => {
    const redis = await RedisServer.start();
    running.push({ stop: () => redis.close() });
    const state = `store = "${redis.url}"`;
    await prove(await start(state), await start(state));
  });

  it("have one name for each network", () => {
    const names = ["192.0.2.7", "192.0.2.0/24", "2001:db8::7", "2001:db8:0::/64", "2001:db8::/48", "::ffff:192.0.2.7"];
    expect(names.map(blockedNetwork)).toEqual([
      "192.0.2.7",
      "192.0.2.0/24",
      "2001:db8:0:0::/64",
      "2001:db8:0:0::/64",
      "2001:db8::/48",
      "192.0.2.7",
    ]);
    expect(blockedNetwork("murks")).toEqual({ fault: expect.stringContaining("neither") });
  });
});
