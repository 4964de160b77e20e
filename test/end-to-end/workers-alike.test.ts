/** Two workers, real processes that share the port and the state, answer as one worker does: random envelopes and lists. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { freePort } from "../fakes/free-port.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { createChance } from "../fuzz/checks-world.ts";
import type { Envelope } from "../fuzz/checks-world.ts";
import { createRandom, seed } from "../fuzz/random.ts";
import { Scene } from "./scene.ts";

const envelopes = 120;

const run = [
  "whitelist",
  "badhelo",
  "badmailfrom",
  "badmailfromto",
  "badrcptto",
  "badrcptto_patterns",
  "bounce_rcpt",
  "rcpt_regexp",
  "denybounce",
  "relocated",
  "disposable",
  "greylisting",
  "goodmailto",
];

describe("two workers and one", () => {
  let scene: Scene;
  let hop: NextHop;
  beforeEach(async () => {
    scene = new Scene();
    hop = await startNextHop();
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera@ours.example", "otto@ours.example"]);
  });
  afterEach(async () => {
    await scene.close();
    await hop.close();
  });

  const start = async (workers: number): Promise<number> => {
    const port = await freePort();
    const config = scene.write(
      `workers${workers}.toml`,
      `[smtp]
listen = ["127.0.0.1:${port}"]
hostname = "mx.ours.example"
greeting_delay = "0ms"
workers = ${workers}
[domains]
relay = ["ours.example"]
aliases = { "alias.example" = "ours.example" }
[snapshot]
path = "snapshot.sqlite"
[state]
store = "sqlite"
folder = "${scene.folder}/state${workers}"
[control]
folders = ["${scene.folder}/lists"]
[limits]
harvest_client_limit = 0
harvest_delay_after = 0
harvest_hangup_after = 0
[clients]
rules = "${scene.write("rules", '127.0.0.9:allow,RELAYCLIENT=""\n:allow\n')}"
[checks]
run = ${JSON.stringify(run)}
[checks.badmailfrom]
file = "badmailfrom"
# Counted before the reply: what is given back is given back after it.
[checks.disposable]
count = "attempts"
[checks.greylisting]
black = "0s"
network = 32
sender = true
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`,
    );
    const program = scene.start("serve", "--config", config);
    await program.until(workers > 1 ? /relay: workers ready/ : /relay: ready/, 60_000);
    return port;
  };

  it(`answer ${envelopes} envelopes alike, command by command (seed ${seed})`, { timeout: 120_000 }, async () => {
    const chance = createChance(createRandom(seed));
    const lists = join(scene.folder, "lists");
    mkdirSync(lists);
    chance.writeLists(lists);
    writeFileSync(join(lists, "whitelisthosts"), "127.0.0.3\n");
    const [two, one] = await Promise.all([start(2), start(1)]);
    const heard = new Map<string, number>();
    for (let i = 0; i < envelopes; i++) {
      const envelope = { ...chance.envelope(), ip: `127.0.0.${chance.pick([2, 3, 4, 9])}` };
      const together = await converse(two, envelope);
      const alone = await converse(one, envelope);
      expect(together, `seed ${seed}, envelope ${i}, ${JSON.stringify(envelope)}`).toEqual(alone);
      for (const reply of alone) {
        const code = reply.slice(0, 3);
        heard.set(code, (heard.get(code) ?? 0) + 1);
      }
    }
    // Else the envelopes would not reach what is remembered.
    expect(heard.get("450") ?? 0).toBeGreaterThan(2);
    expect(heard.get("354") ?? 0).toBeGreaterThan(2);
    expect(heard.get("550") ?? 0).toBeGreaterThan(2);
  });
});

/** The replies to a session with one message, if it comes to that. */
async function converse(port: number, { ip, helo, sender, recipients }: Envelope): Promise<string[]> {
  const client = await SmtpClient.open(port, ip);
  const said = [(await client.reply()) ?? "closed"];
  const say = async (line: string): Promise<string> => {
    const reply = (await client.command(line)) ?? "closed";
    said.push(reply);
    return reply;
  };
  try {
    await say(`EHLO ${helo}`);
    await say(`MAIL FROM:<${sender}>`);
    for (const recipient of recipients) {
      await say(`RCPT TO:<${recipient}>`);
    }
    if ((await say("DATA")).startsWith("354")) {
      await say("Subject: one\r\n\r\nhello\r\n.");
    }
    await say("QUIT");
    return said;
  } finally {
    client.close();
  }
}
