/** Never an open relay: every form that has opened one, with a snapshot, without, and with a broken one; and nmap's own scripts. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";

import { afterEach, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const run = promisify(execFile);
const open: { relay: TestRelay; hop: NextHop }[] = [];
afterEach(async () => {
  for (const { relay, hop } of open.splice(0)) {
    await relay.stop();
    await hop.close();
  }
});

const config = (port: number): string => `[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
[limits]
session_errors = 1000
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${port}"
`;

async function start(snapshot: "present" | "missing" | "broken"): Promise<{ relay: TestRelay; hop: NextHop }> {
  const hop = await startNextHop();
  const relay = await startTestRelay({
    config: config(hop.port),
    ...(snapshot === "present" ? { snapshot: ["vera@kontor.example", "user"] } : {}),
    ...(snapshot === "broken" ? { files: { "snapshot.sqlite": "SQLite format 3\0 and then nothing of it" } } : {}),
  });
  open.push({ relay, hop });
  return { relay, hop };
}

/** nmap's smtp-open-relay, with our address and name for its own, and more of the same kind. */
const ip = "127.0.0.1";
const ours = "kontor.example";
const foreign = "foreign.example";
const senders = ["", `antispam@${foreign}`, "antispam", `antispam@${ip}`, `antispam@[${ip}]`, `antispam@${ours}`];
const recipients = [
  `relaytest@${foreign}`,
  `relaytest%${foreign}@[${ip}]`,
  `relaytest%${foreign}@${ours}`,
  `"relaytest@${foreign}"`,
  `"relaytest%${foreign}"`,
  `relaytest@${foreign}@[${ip}]`,
  `"relaytest@${foreign}"@[${ip}]`,
  `relaytest@${foreign}@${ours}`,
  `@[${ip}]:relaytest@${foreign}`,
  `@${ours}:relaytest@${foreign}`,
  `${foreign}!relaytest`,
  `${foreign}!relaytest@[${ip}]`,
  `${foreign}!relaytest@${ours}`,
  `"relaytest@${foreign}"@${ours}`,
  `"${foreign}!relaytest"@${ours}`,
  `"relaytest%${foreign}"@${ours}`,
  `relaytest@${foreign}%${ours}`,
  `relaytest%${foreign}%x@${ours}`,
  `relaytest%${foreign}`,
  `@${ours},@${ours}:relaytest@${foreign}`,
  `@${ours}:relaytest%${foreign}@${ours}`,
  `user:${foreign}@${ours}`,
  `"user\\@${foreign}"@${ours}`,
  `"\\user\\%${foreign}"@${ours}`,
  `user@[${ip}]`,
  `user@[10.0.0.1]`,
  `user@[IPv6:::1]`,
  `user@x.${ours}`,
  `user@${ours}.${foreign}`,
  `user@${ours}.${foreign}.`,
  `user@x${ours}`,
  `user@${foreign}#@${ours}`.replace("#", ""),
  `user@localhost`,
  `user@com`,
  `user@.${ours}`,
  `user@${ours}..`,
  `user@${ours},x@${foreign}`,
  `user@${ours}>,<x@${foreign}`,
  `user@${ours}\tx@${foreign}`,
  `user@${ours}\0x@${foreign}`,
  `user @${ours}`,
  `\x7fuser@${ours}`,
  `user\xa0@${ours}`,
];

describe("an open relay", () => {
  for (const snapshot of ["present", "missing", "broken"] as const) {
    it(`is not made by any form of address while the snapshot is ${snapshot}`, async () => {
      const { relay, hop } = await start(snapshot);
      for (const sender of senders) {
        const client = await SmtpClient.open(relay.port);
        await client.reply();
        await client.command(`EHLO ${foreign}`);
        const mail = await client.command(`MAIL FROM:<${sender}>`);
        expect(mail, sender).toMatch(/^250/);
        for (const recipient of recipients) {
          expect(await client.command(`RCPT TO:<${recipient}>`), JSON.stringify(recipient)).toMatch(
            /^5(?:01|50|53|55) /,
          );
          expect(await client.command(`RCPT TO:${recipient}`), JSON.stringify(recipient)).toMatch(/^5(?:01|50|53|55) /);
        }
        expect(await client.command("DATA")).toMatch(/^5/);
        client.close();
      }
      // And it is not that nothing gets through at all.
      const client = await SmtpClient.open(relay.port);
      await client.reply();
      await client.command(`EHLO ${foreign}`);
      await client.command("MAIL FROM:<>");
      expect(await client.command(`RCPT TO:<vera@${ours}>`)).toMatch(/^250/);
      expect(await client.command(`RCPT TO:<nobody@${ours}>`)).toMatch(
        snapshot === "present" ? /^550 5\.1\.1/ : /^250/,
      );
      client.close();
      const asked = hop.commands.flat().filter((line) => line.startsWith("RCPT"));
      expect(asked.filter((line) => !/^RCPT TO:<(?:vera|nobody)@kontor\.example>$/.test(line))).toEqual([]);
    });
  }

  it("is not made when a good snapshot is damaged or removed while it runs", async () => {
    const { relay } = await start("present");
    writeFileSync(relay.snapshotPath, "garbage");
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    await client.command("EHLO x");
    await client.command("MAIL FROM:<>");
    expect(await client.command(`RCPT TO:<user@${foreign}>`)).toBe("550 5.7.1 Relaying denied");
    expect(await client.command(`RCPT TO:<user%${foreign}@${ours}>`)).toBe("550 5.7.1 Relaying denied");
    client.close();
  });

  it.skipIf(missing("nmap"))("is not found by nmap, which can talk to us", async () => {
    for (const snapshot of ["present", "missing"] as const) {
      const { relay, hop } = await start(snapshot);
      // The plus sign runs a script whatever nmap takes the port for.
      const scripts = [
        "--script",
        "+smtp-open-relay,+smtp-commands",
        "--script-args",
        `smtp-open-relay.domain=${foreign}`,
      ];
      const { stdout } = await run("nmap", ["-Pn", "-n", "-sT", "-p", String(relay.port), ...scripts, "127.0.0.1"], {
        timeout: 25_000,
      });
      expect(stdout).toContain("smtp-commands: mx.kontor.example, PIPELINING, 8BITMIME, ENHANCEDSTATUSCODES, SIZE");
      expect(stdout).toContain("smtp-open-relay: Server doesn't seem to be an open relay, all tests failed");
      expect(hop.received).toEqual([]);
    }
  });
});
