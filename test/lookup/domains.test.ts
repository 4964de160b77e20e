/** `[[domain]]` in every way to ask: relay, each protocol of lookups, check, deliverabled, export; plain and hashed lists. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import { openInside } from "../../src/compose/deliverabled.ts";
import { ask, createService } from "../../src/compose/would-answer.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { lookupProtocols } from "../../src/report/counters.ts";
import { silentLog } from "../../src/report/log.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { completeConfig, settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { found, listSource, publish } from "../snapshot/fixture.ts";
import { askerOf } from "./askers.ts";
import type { Asker } from "./askers.ts";
import { lookupSections, netstring, policyQuestion, Wire } from "./scene.ts";

const secret = "5a".repeat(32);
const sender = "someone@partner.example";
const sections = `
[domains]
relay = ["kontor.example", "werk.example", "west.filiale.example", "nord.filiale.example", "sued.example", "ost.example"]
aliases = { "kontor.test" = "kontor.example" }
[limits]
harvest_hangup_after = 0
harvest_client_limit = 0
harvest_delay_after = 0
[recipients]
always = ["postmaster"]
[[domain]]
name = "kontor.example"
reply = "Nobody of this name"
recipient_delimiter = "-"
[[domain]]
name = "werk.example"
mode = "observe"
[[domain]]
name = ".filiale.example"
catch_all = "directory"
[[domain]]
name = "nord.filiale.example"
catch_all = "off"
grace = "9h"
always = ["info"]
[[domain]]
name = "sued.example"
catch_all = "off"
`;

const unknown = "550 5.1.1 No such user here";
const later = "450 4.2.1 Mailbox not available now, try again later";
const own = "550 5.1.1 Nobody of this name";
const ok = "250 2.1.5 Recipient OK";
/** The relay's reply, and whether the list has it where that is not the same. */
const questions: readonly (readonly [address: string, reply: string, isListed?: boolean])[] = [
  ["anna@kontor.example", ok],
  ["anna@kontor.test", ok],
  ["Anna-list@kontor.test", ok],
  ["anna+list@kontor.example", own],
  ["nobody@kontor.test", own],
  ["leaver@kontor.example", own],
  ["postmaster@kontor.example", ok],
  ["anna@werk.example", ok],
  ["anna+list@werk.example", ok],
  ["nobody@werk.example", ok, false],
  ["any@west.filiale.example", ok],
  ["any%else@west.filiale.example", "550 5.7.1 Relaying denied"],
  ["any@nord.filiale.example", unknown],
  ["bert@nord.filiale.example", ok],
  ["leaver@nord.filiale.example", later],
  ["info@nord.filiale.example", ok],
  ["postmaster@nord.filiale.example", unknown],
  ["any@sued.example", unknown],
  ["anna@sued.example", ok],
  ["any@ost.example", ok],
];

/** A list with catch-alls that a list and a directory name, from which somebody has just gone. */
async function publishLists(path: string, isHashed: boolean): Promise<void> {
  const catchAll = (domain: string) => ({
    ...found(`anna@${domain}`),
    key: `@${domain}` as never,
    kind: "catchall" as const,
  });
  const everybody = ["anna@kontor.example", "anna@werk.example", "bert@nord.filiale.example", "anna@sued.example"];
  const listed = [...everybody, catchAll("sued.example"), catchAll("ost.example")];
  const directory = ["west.filiale.example", "nord.filiale.example", "kontor.example"].map(catchAll);
  const sources = (more: readonly string[]) => [
    listSource("list", [...listed, ...more]),
    { ...listSource("directory", ["x@kontor.example", ...directory]), isDirectory: true },
  ];
  const options = {
    now: () => Date.now(),
    grace: 9 * 3_600_000,
    settings: { max_shrink: 1, keep: 0 },
    ...(isHashed ? { protection: { form: createKeyedForm(secret, "address"), signer: undefined } } : {}),
  };
  await publish(path, sources(["leaver@kontor.example", "leaver@nord.filiale.example"]), options);
  await publish(path, sources([]), options);
}

describe.each(["plain", "hashed"] as const)("[[domain]] and a %s list", (form) => {
  let hop: NextHop;
  let relay: TestRelay;
  let config: string;
  const askers: Asker[] = [];
  beforeAll(async () => {
    hop = await startNextHop();
    const snapshot = `[snapshot]\npath = "snapshot.sqlite"\n${form === "hashed" ? 'key_file = "key"\n' : ""}`;
    const route = `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;
    config = `${sections}${snapshot}${route}${lookupSections()}`;
    relay = await startTestRelay({ config, files: { key: `${secret}\n` } });
    await publishLists(relay.snapshotPath, form === "hashed");
    await relay.relay.snapshot.check();
    for (const [i, protocol] of lookupProtocols.entries()) {
      askers.push(await askerOf(protocol, relay.ports[i + 1] ?? 0));
    }
  });
  afterAll(async () => {
    askers.forEach((asker) => asker.close());
    await relay?.stop();
    await hop?.close();
  });

  it("has one answer by the relay, each lookup and goodmailto check", async () => {
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command(`MAIL FROM:<${sender}>`);
    const service = createService(settingsOf(config, relay.folder), relay.relay.snapshot, Date.now);
    const stranger = { variables: new Map<string, string>(), denied: false };
    for (const [address, reply] of questions) {
      expect(await client.command(`RCPT TO:<${address}>`), address).toBe(reply);
      const heard = await Promise.all(askers.map((asker) => asker.ask(address, sender)));
      const word = { 2: "accept", 4: "later", 5: "refuse" }[reply.slice(0, 1)];
      expect(heard, address).toEqual(lookupProtocols.map(() => word));
      const would = await ask(service, address, parseMailbox(address), parseMailbox(sender), stranger, "");
      expect(would.reply, address).toBe(reply);
    }
    client.close();
  });

  it("has the reply of its domain by the policy protocol", async () => {
    const wire = await Wire.open({ port: relay.ports[1 + lookupProtocols.indexOf("policy")] ?? 0, host: "127.0.0.1" });
    for (const [address, reply] of questions) {
      wire.write(policyQuestion({ recipient: address, sender }));
      expect(await wire.until(/\n\n$/)).toBe(`action=${reply === ok ? "DUNNO" : reply}\n\n`);
    }
    wire.close();
  });

  it("has the key of a whole domain where its catch-all counts", async () => {
    const wire = await Wire.open({ port: relay.ports[1] ?? 0, host: "127.0.0.1" });
    const isHit = async (domain: string): Promise<boolean> => {
      wire.write(netstring(`x @${domain}`));
      return (await wire.until(/,$/)).includes("OK");
    };
    const all = ["kontor.example", "werk.example", "west.filiale.example", "nord.filiale.example", "sued.example"];
    const hits = await all.reduce(
      async (before, domain) => [...(await before), await isHit(domain)],
      Promise.resolve<boolean[]>([]),
    );
    expect(hits).toEqual(all.map((domain) => domain === "west.filiale.example"));
    expect(await isHit("ost.example")).toBe(true);
    wire.close();
  });

  it("has the same by goodmailto deliverabled, where the mode does not matter", async () => {
    const file = join(relay.folder, "goodmailto.toml");
    writeFileSync(file, completeConfig(config));
    const inside = openInside(settingsOf(config, relay.folder), file, [], silentLog);
    for (const [address, reply, isListed = reply === ok] of questions) {
      const code = await inside.deliverable(address);
      expect(code, address).toBe(isListed ? 241 : reply === later ? 33 : 0);
    }
    inside.close();
  });

  // A hashed list has nothing to export.
  if (form === "plain") {
    it("has the same in an export", () => {
      const settings = settingsOf(config, relay.folder);
      const image = relay.relay.snapshot.image ?? expect.unreachable();
      const { bytes } = exportImage(image, settings, "goodrcptto", Date.now());
      const lines = new Set(bytes.toString("latin1").split("\n"));
      expect([...lines].filter((line) => line.startsWith("@")).toSorted()).toEqual([
        "@ost.example",
        "@west.filiale.example",
      ]);
      const plain = questions.filter(([address]) => !/[-+%]/.test(address));
      for (const [address, reply, isListed = reply !== own && reply !== unknown] of plain) {
        const isThere = lines.has(address) || lines.has(address.slice(address.indexOf("@")));
        expect(isThere, address).toBe(isListed);
      }
    });
  }
});
