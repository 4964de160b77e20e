/** What the status page says wants attention: the same facts and limits as `status`, the metrics and the alert rules. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { endsSoon } from "../../src/compose/certificate-terms.ts";
import { silentAfter } from "../../src/compose/incident-report.ts";
import { loadPlaced } from "../../src/compose/settings.ts";
import { trustOf } from "../../src/compose/trust.ts";
import type { Gauge } from "../../src/ops/metrics.ts";
import { textOf } from "../../src/web/html/markup.ts";
import { Knowledge } from "../../src/web/knowledge.ts";
import { alarmsOf, countAlerts, diskAlerts, leastFree } from "../../src/web/pages/relay-alerts.ts";
import { listPage } from "../../src/web/pages/list-page.ts";
import { afterRun, calm, writeIncident } from "../../sync/remember/incident.ts";
import type { Incident } from "../../sync/remember/incident.ts";
import type { SyncOutcome } from "../../sync/outcome.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";

const day = 86_400_000;
const rules = readFileSync(join(import.meta.dirname, "../../config/monitoring/goodmailto.rules.yml"), "utf8");

describe("alerts of the status page", () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-alerts-"));
    await publishSnapshot(path("snapshot.sqlite"), ["vera@kontor.example"]);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function knowledge(more = "", snapshot = ""): Knowledge {
    const text = `[smtp]\nhostname = "mx.kontor.example"\nlisten = ["127.0.0.1:0"]\nstatus_folder = "${folder}"
[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n${snapshot}
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:1"\n[alert]\nafter_failures = 2\ncommand = ["/bin/true"]
[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n[[publish]]\nname = "mx2"\ncommand = ["/bin/true"]\n${more}`;
    writeFileSync(path("goodmailto.toml"), text);
    const loaded = loadPlaced(path("goodmailto.toml"));
    if (loaded === undefined) {
      throw new Error("the configuration has errors");
    }
    return new Knowledge(loaded, trustOf(loaded.settings), async () => ({}));
  }

  /** The syncs end so, one after the other, the last one so long ago. */
  function syncs(outcomes: readonly SyncOutcome[], ago = 0, more: Partial<Incident> = {}): void {
    const limits = { afterFailures: 2, maxAge: 7 * day };
    const now = Date.now() - ago;
    const last = outcomes.reduce((incident, outcome) => afterRun(incident, outcome, limits, now, now - day).incident, {
      ...calm,
      whole: Date.now() - 2 * day,
      ...more,
    });
    writeIncident(path("snapshot.sqlite"), last);
  }

  it("are none where all is well", async () => {
    expect(await knowledge().alerts()).toEqual([]);
    syncs([]);
    expect(await knowledge().alerts()).toEqual([]);
  });

  it("tell of a sync that failed: since when, why, and the last one that did not; a fault when it is told", async () => {
    const failed: SyncOutcome = { kind: "failed", why: 'No source could be read: source "list": <b>gone</b>' };
    syncs([failed]);
    expect(await knowledge().alerts()).toEqual([
      {
        level: "warning",
        what: expect.stringMatching(/^The last sync was not complete, since 20\S+ [\d:]{8}$/) as string,
        advice: expect.stringMatching(/<b>gone<\/b>\. The last complete run was 20\S+ [\d:]{8}\.$/) as string,
      },
    ]);
    syncs([failed, failed]);
    expect(await knowledge().alerts()).toMatchObject([
      { level: "fault", what: expect.stringMatching(/^The last 2 syncs were not/) as string },
    ]);
  });

  it("name the guard that refused a list", async () => {
    const refused = { kind: "refused", reasons: ["lost too much"], facts: { seconds: 1, entries: 2 } };
    // What else is in its facts is nothing to an incident.
    for (const [guards, words] of [
      [["list"], "A guard refused the last list"],
      [["traffic"], "The last list would refuse recipients who get mail, and was not published"],
    ] as const) {
      syncs([{ ...refused, guards } as unknown as SyncOutcome]);
      const [alert] = await knowledge().alerts();
      expect(alert?.what).toContain(words);
      expect(alert?.advice).toContain("lost too much");
    }
  });

  it("name targets that lack the list, and a sync that has not ended for as long as the alert rule says", async () => {
    syncs([{ kind: "failed", why: "x" }], silentAfter + 60_000, { unpushed: ["mx2", "no longer there"] });
    const words = (await knowledge().alerts()).map(({ what }) => what);
    expect(words).toContain("The target mx2 lacks the list");
    expect(words).toContain("No sync has ended for a day");
    expect(words.join()).not.toContain("no longer there");
    expect(rules).toContain(`goodmailto_sync_last_run_timestamp_seconds > ${silentAfter / 1000}'`);
  });

  it("tell of the certificate in use: soon over, over, and renewed without a reload", async () => {
    const put = (days: number, from = new Date(Date.now() - day)): void => {
      const made = makeSelfSigned(["mx.kontor.example"], { from, days });
      writeFileSync(path("cert.pem"), made.certificate);
      writeFileSync(path("key.pem"), made.key, { mode: 0o600 });
    };
    const tls = '[tls]\ncert = "cert.pem"\nkey = "key.pem"\n';
    put(90);
    expect(await knowledge(tls).alerts()).toEqual([]);
    put(9);
    const soon = knowledge(tls);
    expect(await soon.alerts()).toMatchObject([
      {
        level: "warning",
        what: expect.stringContaining("ends soon") as string,
        advice: "Renew it, and reload the relay (SIGHUP).",
      },
    ]);
    put(90);
    expect(await soon.alerts()).toMatchObject([
      { level: "warning", advice: expect.stringContaining("another one by now") as string },
    ]);
    put(30, new Date("2020-01-01"));
    expect(await knowledge(tls).alerts()).toMatchObject([
      { level: "fault", what: expect.stringMatching(/^The certificate .*cert\.pem" ended at 2020-01-31/) as string },
    ]);
    put(30, new Date(Date.now() + day));
    expect(await knowledge(tls).alerts()).toMatchObject([
      { level: "fault", what: expect.stringContaining("not valid before") as string },
    ]);
    expect(rules).toContain(`certificate_expiry_timestamp_seconds - time() < ${endsSoon / day} * 86400'`);
  });

  it("tell of what was counted since a day ago, and of a disk that is nearly full", async () => {
    const before = alarmsOf({ 'check_faults{check="dnsbl"}': 5, trace_lost: 9 });
    const now = alarmsOf({ 'check_faults{check="dnsbl"}': 5, 'check_faults{check="geo"}': 2, trace_lost: 4 });
    expect(countAlerts(now, before).map(({ level, what }) => `${level}: ${what}`)).toEqual([
      "fault: 2 internal errors in checks, each counted as pass, in the last 24 hours",
      "warning: 4 events that the journal lost, in the last 24 hours",
    ]);
    expect(countAlerts(now, now)).toEqual([]);
    expect(countAlerts(now, undefined)[0]?.what).toMatch(/^7 internal errors .*, since the start$/);
    const disk = (free: number): Gauge[] => [
      { name: "disk_free_bytes", labels: { place: "journal" }, value: free * 1e9 },
      { name: "disk_size_bytes", labels: { place: "journal" }, value: 100e9 },
    ];
    expect(diskAlerts([...disk(4)])).toMatchObject([
      { level: "fault", what: "The disk of the journal is nearly full", advice: "4.0 GB of 100 GB are free." },
    ]);
    expect(diskAlerts(disk(5))).toEqual([]);
    expect(rules).toContain(`goodmailto_disk_size_bytes < ${leastFree}'`);
  });

  it("tell of warnings of the configuration with file and line", async () => {
    const found = await knowledge('[web]\nlisten = "127.0.0.1:0"\n').alerts();
    expect(found).toMatchObject([{ level: "warning", what: expect.stringMatching(/^Configuration of web/) as string }]);
    const text = readFileSync(path("goodmailto.toml"), "utf8").split("\n");
    const [, line] = /goodmailto\.toml:(\d+)$/.exec(found[0]?.advice ?? "") ?? [];
    expect(text[Number(line) - 1]).toMatch(/^\[web\]|^listen = "127/);
  });

  it("leave the wait for canaries to the page of the list", async () => {
    const waiting = knowledge("", 'canary = "1h"\n');
    expect((await waiting.alerts()).filter(({ level }) => level === "fault")).toEqual([]);
    const shown = textOf(listPage(waiting.desk()).body);
    expect(shown).toMatch(/waited for until <time datetime="20/);
    expect(textOf(listPage(knowledge().desk()).body)).toContain("not waited for");
  });
});
