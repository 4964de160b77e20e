/** Alerts: once for an incident, once when it is over, over runs that are processes of their own. */
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { incidentPath } from "../../src/files/sync-notes.ts";
import { afterRun, afterTelling, calm, readIncident, writeIncident } from "../../sync/remember/incident.ts";
import type { AlertEvent, Incident } from "../../sync/remember/incident.ts";
import type { JobFacts, SyncOutcome } from "../../sync/run/full.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { main } from "../program.ts";

const facts = { frozen: [], addresses: 1 } as unknown as JobFacts;
const good: SyncOutcome = { kind: "published", facts };
const bad: SyncOutcome = { kind: "failed", why: "down" };
const minute = 60_000;

/** What is told over a row of runs, one per minute, by somebody who can be reached or not. */
function told(
  outcomes: readonly SyncOutcome[],
  { after = 3, maxAge = 1e9, reached = true, created = 0 } = {},
): string[] {
  let incident: Incident = calm;
  return outcomes.map((outcome, i) => {
    const step = afterRun(incident, outcome, { afterFailures: after, maxAge }, i * minute, created);
    incident = step.event === undefined ? step.incident : afterTelling(step.incident, step.event, reached);
    return step.event ?? "";
  });
}

describe("an incident", () => {
  it("is told of once, when it is long enough, and once when it is over", () => {
    const row = [good, bad, bad, good, bad, bad, bad, bad, bad, good, good, bad];
    expect(told(row)).toEqual(["", "", "", "", "", "", "sync-failing", "", "", "recovered", "", ""]);
  });

  it("counts what a guard refused, a source that kept its addresses, and a target that got nothing", () => {
    const refused: SyncOutcome = { kind: "refused", guards: ["list"], reasons: ["too small"], facts };
    const frozen: SyncOutcome = { kind: "published", facts: { ...facts, frozen: [{ name: "ad", fault: "down" }] } };
    const unpushed: SyncOutcome = { kind: "published", facts, unpushed: ["dmz"] };
    expect(told([refused, frozen, unpushed])).toEqual(["", "", "sync-failing"]);
  });

  it("is not touched by a dry run or by a run that found another one running", () => {
    expect(told([bad, bad, { kind: "dry-run", facts }, { kind: "busy" }, bad])).toEqual([
      "",
      "",
      "",
      "",
      "sync-failing",
    ]);
  });

  it("is told of sooner where the list is too old", () => {
    expect(told([bad, bad], { after: 100, maxAge: 30_000 })).toEqual(["", "snapshot-old"]);
    const step = afterRun(calm, bad, { afterFailures: 100, maxAge: 30_000 }, 5 * minute, minute);
    expect(step.event).toBe("snapshot-old" satisfies AlertEvent);
  });

  it("is told of once where a hold is forgotten, in the words of the hold, and not before the list is too old", () => {
    const held: SyncOutcome = { kind: "held", why: "The list is on hold since Monday" };
    const row = [good, held, held, held, held, bad, bad, bad, good];
    expect(told(row, { after: 2, maxAge: 2.5 * minute })).toEqual([
      ...["", "", "", "snapshot-old", "", "", "", "", "recovered"],
    ]);
    expect(told([good, held, held, held], { after: 2, maxAge: minute, reached: false }).slice(2)).toEqual([
      "snapshot-old",
      "snapshot-old",
    ]);
    const { incident } = afterRun(calm, held, { afterFailures: 1, maxAge: 30_000 }, 5 * minute, minute);
    expect(incident).toMatchObject({ failures: 1, why: expect.stringContaining("on hold since Monday") as string });
  });

  it("is told of again and again until somebody is reached", () => {
    expect(told([bad, bad, bad, bad, bad], { reached: false })).toEqual([
      "",
      "",
      "sync-failing",
      "sync-failing",
      "sync-failing",
    ]);
  });
});

// A dozen processes, on a machine that may be busy.
describe("goodmailto sync with [alert]", { timeout: 120_000 }, () => {
  let folder: string;
  let hop: NextHop;
  const path = (name: string): string => join(folder, name);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "gmto-alert-"));
    hop = await startNextHop();
    writeFileSync(path("list"), "a@kontor.example\n");
    writeFileSync(
      path("tell"),
      `#!/bin/sh\necho "$1 $GOODMAILTO_EVENT $GOODMAILTO_FAILURES $GOODMAILTO_WHY" >> "${path("told")}"\n`,
    );
    chmodSync(path("tell"), 0o755);
    configure(`command = ["${path("tell")}", "word"]\nmail = ["admin@kontor.example"]\n`);
  });
  afterEach(async () => {
    await hop.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function configure(alert: string): void {
    writeFileSync(
      path("goodmailto.toml"),
      `[smtp]\nhostname = "mx.kontor.example"\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"
[alert]\nafter_failures = 2\n${alert}[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"
[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n`,
    );
  }

  function run(
    ...words: string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    return new Promise((resolve) => {
      const all = [main, ...words, "-c", path("goodmailto.toml")];
      execFile(process.execPath, all, { timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });
  }
  const commands = (): string[] =>
    existsSync(path("told")) ? readFileSync(path("told"), "utf8").trim().split("\n") : [];

  it("runs the command and sends the mail once, and both again when it is over; status tells the same", async () => {
    rmSync(path("list"));
    expect((await run("sync")).code).toBe(75);
    expect(commands()).toEqual([]);
    expect((await run("sync")).code).toBe(75);
    expect((await run("sync")).code).toBe(75);
    expect(commands()).toEqual([expect.stringMatching(/^word sync-failing 2 No source could be read: .*list/)]);
    const status = await run("status");
    expect(status.stdout).toMatch(/sync: 3 failures since \S+, alert sent: No source could be read/);
    writeFileSync(path("list"), "a@kontor.example\n");
    expect((await run("sync")).code).toBe(0);
    expect((await run("sync")).code).toBe(0);
    expect(commands()).toHaveLength(2);
    expect(commands()[1]).toMatch(/^word recovered 3 /);
    expect(hop.received.map(({ recipients, sender }) => [sender, ...recipients])).toEqual([
      ["", "admin@kontor.example"],
      ["", "admin@kontor.example"],
    ]);
    const mail = hop.received[0]?.message.toString() ?? "";
    expect(mail).toMatch(/^Subject: goodmailto on mx\.kontor\.example: the directory sync keeps failing\r$/m);
    expect(mail).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(mail).toMatch(/^failures: 2\r$/m);
    expect(hop.violations).toEqual([]);
    const { stdout, code } = await run("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ status: "fresh", sync: { failures: 0, told: false, why: "" } });
    expect(code).toBe(0);
  });

  it("tells of a hold that was forgotten, once", async () => {
    expect((await run("sync")).code).toBe(0);
    expect((await run("rollback", "current", "--reason", "wrong filter")).code).toBe(0);
    expect((await run("sync")).code).toBe(65);
    expect(commands()).toEqual([]);
    writeIncident(path("snapshot.sqlite"), { ...calm, whole: Date.now() - 365 * 86_400_000 });
    expect((await run("sync")).code).toBe(65);
    expect((await run("sync")).code).toBe(65);
    expect(commands()).toEqual([expect.stringMatching(/^word snapshot-old 1 .*on hold since .*wrong filter/)]);
    expect((await run("status")).code).toBe(1);
    expect((await run("rollback", "--release")).code).toBe(0);
    expect((await run("sync")).code).toBe(0);
    expect(commands()[1]).toMatch(/^word recovered 2 /);
  });

  it("adds up what the runs of a day lose, until a person accepts it or goes back", async () => {
    const list = (count: number): void =>
      writeFileSync(path("list"), Array.from({ length: count }, (_, i) => `a${i}@kontor.example\n`).join(""));
    for (const [count, code, ...words] of [
      [1000, 0],
      [950, 0],
      [890, 65],
      [890, 0, "--accept-shrink"],
      [850, 0],
    ] as const) {
      list(count);
      const { code: is, stderr } = await run("sync", ...words);
      expect([count, is]).toEqual([count, code]);
      expect(stderr.includes("Within 24 hours the whole list lost 110 of 1000 addresses")).toBe(code === 65);
    }
    // What was there before a rollback is not a measure for what comes after it.
    expect((await run("rollback", "current")).code).toBe(0);
    expect((await run("rollback", "--release")).code).toBe(0);
    list(795);
    expect((await run("sync")).code).toBe(0);
  });

  it("tries again at the next run where neither command nor mail came through", async () => {
    configure(`command = ["${path("nowhere")}"]\nmail = ["admin@kontor.example"]\n`);
    await hop.listen(false);
    rmSync(path("list"));
    expect((await run("sync")).code).toBe(75);
    const second = await run("sync");
    expect(second.stderr).toMatch(/alert: command failed/);
    expect(second.stderr).toMatch(/alert: mail not sent/);
    expect(readIncident(path("snapshot.sqlite"))).toMatchObject({ failures: 2, told: false });
    await hop.listen(true);
    await run("sync");
    expect(readIncident(path("snapshot.sqlite"))).toMatchObject({ failures: 3, told: true });
    expect(hop.received).toHaveLength(1);
  });

  it("takes a damaged memory for none", () => {
    writeFileSync(incidentPath(path("snapshot.sqlite")), '{"failures": "many", "told": 1');
    expect(readIncident(path("snapshot.sqlite"))).toEqual(calm);
    writeIncident(path("snapshot.sqlite"), { ...calm, failures: 3 });
    expect(readIncident(path("snapshot.sqlite"))).toEqual({ ...calm, failures: 3 });
  });
});
