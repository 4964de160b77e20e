/**
 * Domains of their own: a real slapd whose catch-alls count in one domain only, a sync of it, and a relay that enforces
 * in two domains and observes in a third.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Attribute, Change, Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import { formatStatus } from "../../src/commands/status.ts";
import { reportStatus } from "../../src/compose/list-report.ts";
import { loadPlan, runFull } from "../../src/compose/sync-run.ts";
import { ask, createService, settingLines } from "../../src/compose/would-answer.ts";
import { ownDomains } from "../../src/config/own-domains.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { silentLog } from "../../src/report/log.ts";
import type { SyncOutcome } from "../../sync/run/full.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { completeConfig, settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { main } from "../program.ts";

const holder = "cn=Anna,o=Kontor";

function entry(name: string, ...addresses: readonly string[]): string {
  const local = addresses.map((address) => `mailLocalAddress: ${address}\n`).join("");
  return `dn: cn=${name},o=Kontor\nobjectClass: inetOrgPerson\nobjectClass: inetLocalMailRecipient\ncn: ${name}\nsn: ${name}\nmail: ${name}@kontor.example\n${local}`;
}

describe.skipIf(missing("slapd"))("[[domain]] in front of a directory", () => {
  let slapd: Slapd;
  let hop: NextHop;
  let relay: TestRelay;
  let client: Client;

  const config = (werk: string): string => `[domains]
relay = ["kontor.example", "werk.example", "filiale.example"]
aliases = { "werk.test" = "werk.example" }
[limits]
harvest_delay_after = 0
[recipients]
observe_file = "observed.json"
[[domain]]
name = "werk.example"
${werk}
[[domain]]
name = "filiale.example"
mode = "observe"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
[[source]]
name = "ldap"
type = "ldap"
preset = "openldap"
url = "${slapd.ldap}"
base = "o=Kontor"
`;

  beforeAll(async () => {
    [slapd, hop] = await Promise.all([
      startSlapd({
        suffix: "o=Kontor",
        schemas: ["core", "cosine", "inetorgperson", "misc"],
        ldif: [
          "dn: o=Kontor\nobjectClass: organization\no: Kontor\n",
          entry("Anna", "@werk.example", "@kontor.example", "anna@werk.example"),
          entry("Maria", "maria@filiale.example"),
        ].join("\n"),
      }),
      startNextHop(),
    ]);
    client = new Client({ url: slapd.ldap });
    await client.bind(slapd.rootDn, slapd.rootPassword);
    relay = await startTestRelay({ config: config('catch_all = "directory"') });
    expect((await sync()).kind).toBe("published");
  });

  afterAll(async () => {
    await client?.unbind();
    await relay?.stop();
    await Promise.all([slapd?.stop(), hop?.close()]);
  });

  async function sync(werk = 'catch_all = "directory"'): Promise<SyncOutcome> {
    const file = join(relay.folder, "goodmailto.toml");
    writeFileSync(file, completeConfig(config(werk)));
    const plan = loadPlan(file) ?? expect.unreachable();
    const outcome = await runFull(plan, silentLog, AbortSignal.timeout(20_000), { cron: true });
    await relay.relay.snapshot.check();
    return outcome;
  }

  async function answers(...recipients: readonly string[]): Promise<string[]> {
    const session = await SmtpClient.open(relay.port);
    const said: string[] = [];
    try {
      await session.reply();
      await session.command("EHLO client.example");
      await session.command("MAIL FROM:<someone@sender.example>");
      for (const recipient of recipients) {
        said.push((await session.command(`RCPT TO:<${recipient}>`))?.slice(0, 3) ?? "closed");
      }
    } finally {
      session.close();
    }
    return said;
  }

  /** Takes the catch-all of a domain away, or gives it. */
  function change(operation: "add" | "delete", value: string): Promise<void> {
    const modification = new Attribute({ type: "mailLocalAddress", values: [value] });
    return client.modify(holder, new Change({ operation, modification }));
  }

  const asked = ["anna@kontor.example", "nobody@kontor.example", "nobody@werk.example", "nobody@Werk.test"];

  it("opens a domain by the directory's catch-all only where it says so", async () => {
    expect(await answers(...asked)).toEqual(["250", "550", "250", "250"]);
    // A user part that names a route is behind no catch-all.
    expect(await answers("nobody%elsewhere.example@werk.example")).toEqual(["550"]);
  });

  it("enforces one and observes another, and counts what it observes alone", async () => {
    expect(await answers("maria@filiale.example", "nobody@filiale.example", ...asked)).toEqual([
      ...["250", "250"],
      ...["250", "550", "250", "250"],
    ]);
    relay.reload(config('catch_all = "directory"').replace("observed.json", "other.json"));
    const observed = readFileSync(join(relay.folder, "observed.json"), "utf8");
    expect(observed).toContain("nobody@filiale.example");
    expect(observed).not.toContain("werk.example");
    expect(observed).not.toContain("kontor.example");
  });

  it("goes by the relay's own file: a list from elsewhere opens nothing", async () => {
    relay.reload(config('reply = "Nobody"'));
    expect(await answers(...asked, "anna@werk.example")).toEqual(["250", "550", "550", "550", "250"]);
    relay.reload(config('catch_all = "off"'));
    expect(await answers("nobody@werk.example")).toEqual(["550"]);
    relay.reload(config('catch_all = "directory"'));
    expect(await answers("nobody@werk.example")).toEqual(["250"]);
  });

  it("is told by check, status and export", async () => {
    const settings = settingsOf(config('catch_all = "directory"'), relay.folder);
    const service = createService(settings, relay.relay.snapshot, Date.now);
    const stranger = { variables: new Map<string, string>(), denied: false };
    const why = async (text: string): Promise<string> => {
      const answer = await ask(service, text, parseMailbox(text), undefined, stranger, "");
      return `${answer.verdict}: ${answer.why}\n${settingLines(answer)}`;
    };
    expect(await why("x@werk.example")).toBe(
      `accepted: catch-all "@werk.example", which takes every address of the domain, of source "ldap", entry "${holder}"\n  domain: [[domain]] "werk.example", mode enforce\n`,
    );
    expect(await why("x@filiale.example")).toMatch(/^accepted: not in the directory; .*\n.*filiale.*mode observe\n$/);
    expect(await why("postmaster@filiale.example")).toContain('always exists ([[domain]] "filiale.example" always)');
    expect(await why("x@kontor.example")).toBe("refused: not in the directory\n");
    const status = formatStatus(reportStatus(settings.snapshot, Date.now(), undefined, ownDomains(settings)));
    expect(status).toContain("1 catchall");
    expect(status).toContain("domain werk.example: mode enforce, opened by a catch-all of source ldap\n");
    expect(status).toContain("domain filiale.example: mode observe\n");
    const { image } = relay.relay.snapshot;
    const list = (by = settings): string[] =>
      exportImage(image ?? expect.unreachable(), by, "postfix")
        .bytes.toString("latin1")
        .split("\n");
    expect(list().filter((line) => line.startsWith("@"))).toEqual(["@werk.example OK", "@werk.test OK"]);
    expect(list(settingsOf(config(""), relay.folder)).filter((line) => line.startsWith("@"))).toEqual([]);
  });

  it("holds a list that lost the catch-all, and takes a new one of such a domain", async () => {
    await change("delete", "@werk.example");
    const lost = await sync();
    expect(lost).toMatchObject({
      kind: "refused",
      reasons: [expect.stringContaining('The catch-all "@werk.example" would leave the list')],
    });
    expect(await answers("nobody@werk.example")).toEqual(["250"]);
    await change("add", "@werk.example");
    expect((await sync()).kind).toBe("published");
    // Nobody left the other domain to the directory: its catch-all neither counts nor stops the list.
    await change("add", "@filiale.example");
    expect((await sync()).kind).toBe("published");
    expect(await answers("nobody@kontor.example", "nobody@werk.example")).toEqual(["550", "250"]);
    const settings = settingsOf(config(""), relay.folder);
    const { image } = relay.relay.snapshot;
    expect(image?.findWildcard("@filiale.example", true)).toBeUndefined();
    expect(settings.domain).toHaveLength(2);
  });

  it("takes a catch-all that the configuration begins to expect, without a person's word", async () => {
    // As when [[domain]] is written for a directory that has had the catch-all for years.
    expect((await sync('mode = "enforce"')).kind).toBe("refused");
    const settings = settingsOf(config(""), relay.folder);
    unlinkSync(settings.snapshot.path);
    expect((await sync('mode = "enforce"')).kind).toBe("published");
    expect(await answers("nobody@werk.example")).toEqual(["550"]);
    expect((await sync()).kind).toBe("published");
    expect(await answers("nobody@werk.example")).toEqual(["250"]);
  });

  it("is as docs/domains.md shows it", async () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/domains.md"), "utf8");
    const toml = /^```toml\n(.*?)^```/ms.exec(page)?.[1] ?? "";
    const own = toml
      .replace("ldap://192.0.2.10", slapd.ldap)
      .replace("smtp://192.0.2.25", `smtp://127.0.0.1:${hop.port}`);
    expect(own).toContain(slapd.ldap);
    await change("add", "@sued.filiale.example");
    await change("add", "@nord.filiale.example");
    const folder = mkdtempSync(join(tmpdir(), "gmto-domains-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "goodmailto.toml");
    writeFileSync(file, completeConfig(own));
    const outcome = await runFull(loadPlan(file) ?? expect.unreachable(), silentLog, AbortSignal.timeout(20_000), {});
    expect(outcome.kind).toBe("published");
    const checked = async (...words: readonly string[]): Promise<string> =>
      (
        await promisify(execFile)(process.execPath, [main, "check", ...words, "--config", file]).catch(
          (failed: { stdout: string }) => failed,
        )
      ).stdout;
    const shown = /^\$ goodmailto check (\S+)\n(.*?)^```/ms.exec(page);
    expect(await checked(shown?.[1] ?? "")).toContain(shown?.[2]);
    const said = await checked(
      "nobody@sued.filiale.example",
      "nobody@nord.filiale.example",
      "nobody@kontor.example",
      "info@nord.filiale.example",
    );
    expect(said).toContain("nobody@sued.filiale.example: accepted");
    expect(said).toContain(
      "nobody@nord.filiale.example: refused\n  reply: 550 5.1.1 No such user at the northern branch",
    );
    expect(said).toContain("nobody@kontor.example: refused\n  reply: 550 5.1.1 No such user here");
    expect(said).toContain("info@nord.filiale.example: accepted");
  });
});
