/** What `goodmailto status` says of a clock that jumped and of files that its user may not read. */
import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { formatStatus } from "../../src/commands/status.ts";
import { reportStatus } from "../../src/compose/list-report.ts";
import { notePull, pullStatePath } from "../../src/pull/state.ts";
import { incidentPath } from "../../src/files/sync-notes.ts";
import { calm, writeIncident } from "../../sync/remember/incident.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

const root = process.getuid?.() === 0;
/** As "nobody" where the tests run as root, whom no file mode keeps out. */
const stranger = root ? { uid: 65_534, gid: 65_534 } : {};

async function scene() {
  const folder = temporaryFolder();
  const path = join(folder, "snapshot.sqlite");
  const config = join(folder, "goodmailto.toml");
  await publishSnapshot(path, ["anna@kontor.example"]);
  writeIncident(path, calm);
  writeFileSync(config, '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n');
  for (const file of [path, config, incidentPath(path)]) {
    chmodSync(file, 0o644);
  }
  chmodSync(folder, 0o755);
  const status = (...words: string[]) =>
    new Promise<{ readonly code: number; readonly stdout: string }>((resolve) => {
      const options = { ...stranger, timeout: 30_000 };
      execFile(process.execPath, [main, "status", "-c", config, ...words], options, (error, stdout) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout }),
      );
    });
  const json = async (): Promise<unknown> => JSON.parse((await status("--json")).stdout);
  return { path, config, status, json };
}

describe("goodmailto status", () => {
  it("has no negative age: it says that a clock jumped, to people and in JSON", async () => {
    const { path } = await scene();
    const settings = { path, max_age: 86_400_000, newest_file: "", canary: 0 };
    const past = reportStatus(settings, Date.now() - 7_300_000);
    expect(past).toMatchObject({ status: "fresh", age: 0, clock: "behind" });
    expect(formatStatus(past)).toContain(", after the time of this machine: its clock, or that of the sync, jumped\n");
    const later = reportStatus(settings, Date.now() + 7_300_000);
    expect(later).toMatchObject({ status: "fresh", clock: "good" });
    expect(formatStatus(later)).toContain(", 2h ago\n");
  });

  it("says since when nothing can be pulled, and exits 1 after as many failures as are enough for an alert", async () => {
    const { path, config, status, json } = await scene();
    const url = "https://lists.kontor.example/list";
    appendFileSync(config, `pull = "${url}"\n[alert]\nafter_failures = 2\n`);
    const note = (why: string | undefined, at: number): void => {
      notePull(pullStatePath(path), url, why, at);
      chmodSync(pullStatePath(path), 0o644);
    };
    expect(await json()).toMatchObject({ pull: { failures: 0, alarm: false, denied: false } });
    const first = Date.UTC(2026, 10, 1);
    note("Cannot GET lists.kontor.example: ECONNREFUSED", first);
    const line = "since 2026-11-01T00:00:00.000Z: Cannot GET lists.kontor.example: ECONNREFUSED\n";
    expect(await status()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`pull: 1 failures ${line}`) as string,
    });
    note("Cannot GET lists.kontor.example: ECONNREFUSED", first + 60_000);
    expect(await status()).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`pull: 2 failures ${line}`) as string,
    });
    // Who runs the tests without being root owns the file.
    chmodSync(pullStatePath(path), root ? 0o600 : 0o000);
    expect(await status()).toMatchObject({ code: 3, stdout: expect.stringContaining("pull: not known, ") as string });
    note(undefined, first + 120_000);
    const calmAgain = await status();
    expect(calmAgain.code).toBe(0);
    expect(calmAgain.stdout).not.toContain("pull: ");
  });

  it("does not wait for what takes the place of what sync and pull remember", async () => {
    const { path, config, json } = await scene();
    appendFileSync(config, 'pull = "https://lists.kontor.example/list"\n');
    rmSync(incidentPath(path));
    execFileSync("mkfifo", ["-m", "644", incidentPath(path)]);
    writeFileSync(pullStatePath(path), "{".repeat(2_000_000), { mode: 0o644 });
    expect(await json()).toMatchObject({ sync: { failures: 0 }, pull: { failures: 0 } });
  });

  it("tells a snapshot that its user may not read from one that is not there, and exits 3", async () => {
    const { path, status, json } = await scene();
    expect(await status()).toMatchObject({ code: 0, stdout: expect.stringContaining("fresh: ") as string });
    // Who runs the tests without being root owns the file.
    chmodSync(path, root ? 0o600 : 0o000);
    const denied = await status();
    expect(denied).toMatchObject({ code: 3, stdout: expect.stringContaining("permission denied") as string });
    expect(denied.stdout).not.toMatch(/missing|every recipient is accepted/);
    expect(await json()).toMatchObject({ status: "denied", path });
  }, 60_000);

  it("does not take failures that it may not read for none", async () => {
    const { path, status, json } = await scene();
    chmodSync(incidentPath(path), root ? 0o600 : 0o000);
    const denied = await status();
    expect(denied.code).toBe(3);
    expect(denied.stdout).toContain(`sync: not known, ${incidentPath(path)} cannot be read by this user`);
    expect(await json()).toMatchObject({ status: "fresh", sync: { denied: true } });
  }, 60_000);
});
