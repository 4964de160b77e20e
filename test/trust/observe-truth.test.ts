/**
 * The promise of `observe report`: what it calls a disagreement is what enforce then refuses, no more and no less. Lists
 * by real syncs, a relay, a next hop that takes everybody but one, and the same mail twice: observed, then enforced.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { ObserveReport } from "../../src/observe/report.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publish } from "../snapshot/fixture.ts";
import { source } from "../sync/reading.ts";
import { main } from "../program.ts";

const hour = 3_600_000;

const active = (name: string, more = "", objectClass = "user"): string =>
  `dn: CN=${name},DC=kontor,DC=example\nobjectClass: ${objectClass}\nproxyAddresses: SMTP:${name}@kontor.example\n${more}\n`;
const netscape = (name: string, more = ""): string =>
  `dn: uid=${name},o=Kontor\nobjectClass: inetOrgPerson\nmail: ${name}@kontor.example\n${more}\n`;

/** Two directories: one with rules of senders, one with states. */
const directories = {
  "ad.ldif": [
    active("anna"),
    active("inside", "msExchRequireAuthToSendTo: TRUE\n", "group"),
    active("board", "authOrig: CN=anna,DC=kontor,DC=example\n", "group"),
    active("both", "msExchRequireAuthToSendTo: TRUE\nauthOrig: CN=anna,DC=kontor,DC=example\n", "group"),
  ].join("\n"),
  "389.ldif": [netscape("bert"), netscape("rest", "mailUserStatus: Inactive\n"), netscape("retired")].join("\n"),
};

/** Everybody who is written to, by two senders. */
const recipients = ["anna", "inside", "board", "both", "bert", "rest", "leaver", "nobody", "retired", "wrong"].map(
  (name) => `${name}@kontor.example`,
);
const senders = ["anna@kontor.example", "stranger@elsewhere.example"];

const config = (hop: NextHop, mode: string): string =>
  `[recipients]\nmode = "${mode}"\nobserve_file = "observed.json"\ngrace = "7d"\n` +
  `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;

describe("observe report", { timeout: 60_000 }, () => {
  let hop: NextHop;
  let relay: TestRelay;

  beforeEach(async () => {
    hop = await startNextHop({ recipients: { "wrong@kontor.example": "550 5.1.1 No such user" } });
    relay = await startTestRelay({ config: config(hop, "observe") });
    const sync = async (files: Readonly<Record<string, string>>, now: number): Promise<void> => {
      Object.entries(files).forEach(([name, text]) => writeFileSync(join(relay.folder, name), text));
      const sources = [
        source({ name: "ad", type: "ldif", preset: "active-directory", url: ["ad.ldif"] }, undefined, relay.folder),
        source({ name: "389", type: "ldif", preset: "389ds", url: ["389.ldif"] }, undefined, relay.folder),
      ];
      await publish(relay.snapshotPath, sources, { grace: 7 * 24 * hour, now: () => now, acceptShrink: true });
    };
    const leaver = { "389.ldif": `${directories["389.ldif"]}\n${netscape("leaver")}` };
    await sync({ ...directories, ...leaver }, Date.now() - hour);
    await sync(directories, Date.now());
    await expect.poll(() => relay.relay.snapshot.state.kind, { timeout: 10_000 }).toBe("open");
  });
  afterEach(async () => {
    await relay.stop();
    await hop.close();
  });

  /** Recipients that are refused, as "sender recipient". */
  async function refusedOf(): Promise<Map<string, string>> {
    const refused = new Map<string, string>();
    for (const sender of senders) {
      const client = await SmtpClient.open(relay.port);
      await client.reply();
      await client.command("EHLO c.example");
      expect(await client.command(`MAIL FROM:<${sender}>`)).toMatch(/^250/);
      for (const recipient of recipients) {
        const answer = (await client.command(`RCPT TO:<${recipient}>`)) ?? "";
        if (!answer.startsWith("250")) {
          refused.set(`${sender} ${recipient}`, answer);
        }
      }
      client.close();
    }
    return refused;
  }

  async function report(): Promise<ObserveReport & { readonly code: number }> {
    const file = join(relay.folder, "goodmailto.toml");
    writeFileSync(
      file,
      `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n${config(hop, "observe")}`,
    );
    const words = ["observe", "report", "-c", file, "--json", "--min-recipients", "1", "--min-time", "0s"];
    return new Promise((resolve) => {
      execFile(process.execPath, [main, ...words], { timeout: 30_000 }, (error, stdout) => {
        resolve({ ...(JSON.parse(stdout) as ObserveReport), code: error === null ? 0 : Number(error.code) });
      });
    });
  }

  it("names every recipient that enforce then refuses, each by its kind, and no other", async () => {
    const observed = await refusedOf();
    expect([...observed.keys()]).toEqual(senders.map((sender) => `${sender} wrong@kontor.example`));
    // The counts are written when the mode changes.
    relay.reload(config(hop, "enforce"));
    const { disagreements, verdict, why, code } = await report();
    const gaps = disagreements.filter(({ resolved }) => !resolved);
    expect(gaps.map(({ address, ours, count }) => `${ours} ${address} ${count}`).toSorted()).toEqual([
      "internal both@kontor.example 2",
      "internal inside@kontor.example 2",
      "sender board@kontor.example 1",
      "suspended rest@kontor.example 2",
      "unknown nobody@kontor.example 2",
      "vanished leaver@kontor.example 2",
    ]);
    expect([verdict, code]).toEqual(["not-safe", 1]);
    expect(why).toContain("2 internal only");
    const enforced = await refusedOf();
    const newly = [...enforced.keys()].filter((pair) => !observed.has(pair));
    const refusedNow = new Map<string, number>();
    for (const address of newly.map((pair) => pair.split(" ")[1] ?? "")) {
      refusedNow.set(address, (refusedNow.get(address) ?? 0) + 1);
    }
    expect(refusedNow).toEqual(new Map(gaps.map(({ address, count }) => [address, count])));
    expect(enforced.get("stranger@elsewhere.example board@kontor.example")).toMatch(/^550 5\.7\.1 /);
    expect(enforced.get("anna@kontor.example rest@kontor.example")).toMatch(/^450 4\.2\.1 /);
    expect(enforced.get("anna@kontor.example nobody@kontor.example")).toMatch(/^550 5\.1\.1 /);
  });

  it("calls resolved only what enforce then accepts", async () => {
    await refusedOf();
    const found = [
      source({ name: "ad", type: "ldif", preset: "active-directory", url: ["ad.ldif"] }, undefined, relay.folder),
      source({ name: "389", type: "ldif", preset: "389ds", url: ["389.ldif"] }, undefined, relay.folder),
    ];
    writeFileSync(join(relay.folder, "389.ldif"), `${directories["389.ldif"]}\n${netscape("nobody")}`);
    await publish(relay.snapshotPath, found, { grace: 7 * 24 * hour, now: () => Date.now(), acceptShrink: true });
    relay.reload(config(hop, "enforce"));
    const { disagreements } = await report();
    const resolved = disagreements.filter((one) => one.resolved).map(({ address }) => address);
    expect(resolved).toEqual(["nobody@kontor.example"]);
    await expect
      .poll(async () => [...(await refusedOf()).keys()].some((pair) => pair.endsWith("nobody@kontor.example")), {
        timeout: 10_000,
      })
      .toBe(false);
  });
});
