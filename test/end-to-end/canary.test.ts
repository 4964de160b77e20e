/**
 * A fleet with a canary: slapd, the sync, a relay that takes a new list at once, and one that waits. A list that loses
 * somebody gets past the guard while the canary is away; the canary then refuses them, and the list is taken back.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { Client } from "ldapts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readIncident } from "../../sync/remember/incident.ts";
import { loadPlan, runFull } from "../../src/compose/sync-run.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { main } from "../program.ts";
import { memoryLog, temporaryFolder } from "../snapshot/fixture.ts";

const run = promisify(execFile);
const names = ["vera", "anna", "ben", "carl", "dora", "emil"];
const domain = "kontor.example";

function entry(name: string): string {
  return `dn: cn=${name},o=Kontor\nobjectClass: inetOrgPerson\ncn: ${name}\nsn: ${name}\nmail: ${name}@${domain}\nmodifyTimestamp: 20250101000000Z\n`;
}

describe.skipIf(missing("slapd"))("a fleet with [snapshot] canary", () => {
  let slapd: Slapd;
  let hop: NextHop;
  let folder: string;
  let relays: TestRelay[];
  let log: ReturnType<typeof memoryLog>;
  /** Of the sync. */
  let config: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    relays = [];
    log = memoryLog();
    hop = await startNextHop();
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: `dn: o=Kontor\nobjectClass: organization\no: Kontor\n\n${names.map(entry).join("\n")}`,
    });
    ["canary", "waiting", "traffic"].forEach((name) => mkdirSync(join(folder, name)));
    writeFileSync(join(folder, "key"), "5a".repeat(32));
    config = join(folder, "sync.toml");
    writeFileSync(
      config,
      `[domains]
relay = ["${domain}"]
[snapshot]
path = "${folder}/snapshot.sqlite"
canary = "15m"
[guard]
key_file = "${folder}/key"
[sync]
traffic = ["${folder}/traffic/traffic.txt"]
max_shrink = "50%"
[alert]
command = ["sh", "-c", "printf '%s %s' \\"$GOODMAILTO_EVENT\\" \\"$GOODMAILTO_WHY\\" > ${folder}/alert"]
[[source]]
name = "ldap"
type = "ldap"
preset = "openldap"
url = ["${slapd.ldap}"]
base = "o=Kontor"
filter = "(objectClass=inetOrgPerson)"
[[publish]]
name = "canary"
to = "${folder}/canary/snapshot.sqlite"
[[publish]]
name = "waiting"
to = "${folder}/waiting/snapshot.sqlite"
`,
    );
  });
  afterEach(async () => {
    await Promise.all([...relays.map((relay) => relay.stop()), hop.close(), slapd.stop()]);
  });

  async function relay(name: "canary" | "waiting", more = ""): Promise<TestRelay> {
    const started = await startTestRelay({
      config: `[snapshot]
path = "${folder}/${name}/snapshot.sqlite"
${more}
[guard]
traffic_folder = "${name === "canary" ? join(folder, "traffic") : ""}"
key_file = "${folder}/key"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`,
    });
    relays.push(started);
    return started;
  }

  const waits = (): Promise<TestRelay> =>
    relay("waiting", `canary = "15m"\nserved_file = "${folder}/waiting/served.snapshot"`);

  /** "vera 250": what each is answered. Whoever is accepted gets a message. */
  async function answers({ relay: { snapshot }, port }: TestRelay): Promise<string> {
    await snapshot.check();
    const client = await SmtpClient.open(port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<sender@partner.example>");
    const codes: string[] = [];
    for (const name of ["vera", "anna", "neu"]) {
      codes.push(`${name} ${((await client.command(`RCPT TO:<${name}@${domain}>`)) ?? "").slice(0, 3)}`);
    }
    await client.command("DATA");
    await client.command("Subject: x\r\n\r\nx\r\n.");
    await client.command("QUIT");
    client.close();
    return codes.join(", ");
  }

  async function stop(one: TestRelay): Promise<void> {
    relays = relays.filter((other) => other !== one);
    await one.stop();
  }

  async function sync(): Promise<string> {
    const plan = loadPlan(config);
    return plan === undefined ? "no plan" : (await runFull(plan, log, new AbortController().signal, {})).kind;
  }

  /** Somebody changes the filter, and loses Anna by it; somebody else joins. */
  async function change(): Promise<void> {
    writeFileSync(config, readFileSync(config, "utf8").replace("(objectClass=inetOrgPerson)", "(!(cn=anna))"));
    const client = new Client({ url: slapd.ldap });
    await client.bind(slapd.rootDn, slapd.rootPassword);
    const values = { objectClass: "inetOrgPerson", cn: "neu", sn: "neu", mail: `neu@${domain}` };
    await client.add(`cn=neu,o=Kontor`, values);
    await client.unbind();
  }

  it("takes a list back everywhere that the canary refuses recipients by, tells somebody, and holds it", async () => {
    expect(await sync()).toBe("published");
    const first = await relay("canary");
    expect(await answers(first)).toBe("vera 250, anna 250, neu 550");
    const waiting = await waits();
    expect(await answers(waiting)).toBe("vera 250, anna 250, neu 550");
    await stop(first);

    // The canary is away while the list is judged.
    renameSync(join(folder, "traffic/traffic.txt"), join(folder, "away"));
    await change();
    expect(await sync()).toBe("published");
    const bad = readFileSync(join(folder, "snapshot.sqlite"));
    renameSync(join(folder, "away"), join(folder, "traffic/traffic.txt"));
    const canary = await relay("canary");
    expect(await answers(canary), "by the canary").toBe("vera 250, anna 550, neu 250");
    expect(await answers(waiting), "by the one that waits").toBe("vera 250, anna 250, neu 250");
    await stop(canary);

    // Started again in the meantime, it still has the list that it used.
    await stop(waiting);
    const again = await waits();
    expect(await answers(again), "after a restart").toBe("vera 250, anna 250, neu 250");
    const program = await run(process.execPath, [main, "canary", "-c", config]).catch((error: unknown) => error);
    expect(program).toMatchObject({
      code: 65,
      stdout: expect.stringMatching(
        /^taken back: 1 recipient who got 1 messages this week refused 1 times: anna@kontor.example\n$/,
      ),
    });
    expect(readFileSync(join(folder, "alert"), "utf8")).toMatch(
      /^taken-back The canaries refused .* anna@kontor\.example$/,
    );
    for (const place of ["canary", "waiting"]) {
      expect(readFileSync(join(folder, place, "snapshot.sqlite"))).toEqual(
        readFileSync(join(folder, "snapshot.sqlite")),
      );
    }
    expect(readFileSync(join(folder, "snapshot.sqlite.1"))).toEqual(bad);
    const old = "vera 250, anna 250, neu 550";
    expect(await answers(await relay("canary")), "by the canary, afterwards").toBe(old);
    expect(await answers(again), "by the one that waited, afterwards").toBe(old);

    expect(await sync(), "while it is on hold").toBe("held");
    expect(readIncident(join(folder, "snapshot.sqlite"))).toMatchObject({ failures: 1, told: true });
    const { stdout } = await run(process.execPath, [main, "status", "-c", config]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toMatch(/^on hold since \S+ \(canary: 1 recipient/m);
    expect(stdout).toContain("alert sent: The canaries refused");
  }, 60_000);

  it("takes a signed list that waits at once where `publish --now` marks it, and no list that another key signed", async () => {
    await run(process.execPath, [main, "keygen", "sign"], { cwd: folder });
    const [sign, path] = [join(folder, "sign"), join(folder, "waiting/snapshot.sqlite")];
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace('canary = "15m"', `canary = "15m"\nsigning_key_file = "${sign}"`));
    expect(await sync()).toBe("published");
    const keys = `canary = "15m"\nserved_file = "${folder}/waiting/served.snapshot"\npublic_key_file = "${sign}.pub"`;
    const waiting = await relay("waiting", keys);
    expect(await answers(waiting)).toBe("vera 250, anna 250, neu 550");

    await change();
    expect(await sync()).toBe("published");
    expect(await answers(waiting), "while it waits").toBe("vera 250, anna 250, neu 250");
    // A forged mark: the list again, marked and signed by somebody else.
    await run(process.execPath, [main, "keygen", "other"], { cwd: folder });
    const [own, forged] = [join(folder, "own.sqlite"), join(folder, "forged.toml")];
    copyFileSync(path, own);
    copyFileSync(path, join(folder, "forged.sqlite"));
    writeFileSync(
      forged,
      readFileSync(config, "utf8").replace("/snapshot.sqlite", "/forged.sqlite").replace(sign, join(folder, "other")),
    );
    await run(process.execPath, [main, "publish", "--now", "-c", forged, "waiting"]);
    expect(readFileSync(path)).not.toEqual(readFileSync(own));
    expect(await answers(waiting), "of another key").toBe("vera 250, anna 250, neu 250");

    await run(process.execPath, [main, "publish", "--now", "-c", config]);
    for (const place of ["canary", "waiting"]) {
      expect(readFileSync(join(folder, place, "snapshot.sqlite"))).toEqual(
        readFileSync(join(folder, "snapshot.sqlite")),
      );
    }
    expect(await answers(waiting), "at once").toBe("vera 250, anna 550, neu 250");
  }, 60_000);
});
