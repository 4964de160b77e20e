/** `goodmailto sync` and `goodmailto status` as their users call them. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import type { StatusReport } from "../../src/compose/list-report.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a configuration and a list; runs verbs in it. */
class Place {
  readonly folder = temporaryFolder();
  readonly config = join(this.folder, "goodmailto.toml");
  readonly list = join(this.folder, "recipients");
  readonly snapshot = join(this.folder, "snapshot.sqlite");

  constructor(count: number, more = "") {
    this.configure(more);
    this.write(count);
  }

  configure(more: string): void {
    writeFileSync(
      this.config,
      `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n${more}
[[source]]\nname = "list"\ntype = "list"\nurl = ["recipients"]\n`,
    );
  }

  write(count: number): void {
    writeFileSync(this.list, Array.from({ length: count }, (_, index) => `user${index}@kontor.example\n`).join(""));
  }

  run(...words: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      execFile(process.execPath, [main, ...words, "-c", this.config], { timeout: 20_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });
  }

  async status(): Promise<{ readonly code: number; readonly report: StatusReport }> {
    const { code, stdout } = await this.run("status", "--json");
    return { code, report: JSON.parse(stdout) as StatusReport };
  }
}

describe("goodmailto sync", () => {
  it("exits 0 published, 65 refused, 75 failed, 78 misconfigured, and says why", async () => {
    const place = new Place(20);
    const published = await place.run("sync");
    expect(published).toMatchObject({ code: 0 });
    expect(published.stdout).toMatch(
      /^published 20 addresses \(20 account\) from 20 entries: 20 added, 0 removed, \d\.\d seconds\n$/,
    );

    place.write(5);
    const dry = await place.run("sync", "--dry-run", "--accept-shrink");
    expect(dry.code).toBe(0);
    expect(dry.stdout.split("\n").filter((line) => line.startsWith("- "))).toHaveLength(15);
    const refused = await place.run("sync");
    expect(refused).toMatchObject({ code: 65, stderr: expect.stringContaining("--accept-shrink") as string });
    expect((await place.run("sync", "--accept-shrink")).code).toBe(0);
    expect((await place.run("sync")).code).toBe(0);

    rmSync(place.list);
    expect((await place.run("sync")).code).toBe(75);
    place.configure("[sync]\nkeep = -1\n");
    expect(await place.run("sync")).toMatchObject({ code: 78, stderr: expect.stringContaining("keep") as string });
    expect((await place.run("sync", "--cron", "--dry-run")).code).toBe(2);
  });

  it("warns with --cron where [sync] delta is set and no source can tell what changed", async () => {
    const place = new Place(3, '[sync]\nschedule = "0 0 1 1 *"\ndelta = "60s"\n');
    const child = spawn(process.execPath, [main, "sync", "--cron", "-c", place.config], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const warning = "[sync] delta has no effect: no source reports changes";
    await expect.poll(() => said, { timeout: 20_000 }).toContain(warning);
    child.kill("SIGTERM");
    await once(child, "exit");
  }, 40_000);

  it("stays with --cron: runs at the start, reloads at SIGHUP, keeps the old settings if they are bad, ends at SIGTERM", async () => {
    const place = new Place(3, '[sync]\nschedule = "0 0 1 1 *"\n');
    const child = spawn(process.execPath, [main, "sync", "--cron", "-c", place.config], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "exit");
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const says = async (text: string | RegExp): Promise<void> => {
      await expect.poll(() => said, { timeout: 15_000, interval: 20 }).toMatch(text);
    };
    await says(/sync: published entries=3 addresses=3/);
    expect(existsSync(place.snapshot)).toBe(true);

    place.configure("[sync]\nschedule = 7\n");
    child.kill("SIGHUP");
    await says("reload failed");
    place.write(4);
    place.configure('[sync]\nschedule = "* * * * * *"\njitter = "0s"\n');
    child.kill("SIGHUP");
    await says("sync: reloaded");
    await says(/sync: published entries=4 addresses=4 added=1/);
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(said).toContain("sync: stopped signal=SIGTERM clean=true");
  });
});

describe("goodmailto status", () => {
  it("exits 2 while there is no snapshot that can serve", async () => {
    const place = new Place(100);
    expect(await place.status()).toMatchObject({ code: 2, report: { status: "missing", why: "missing" } });
    await place.run("sync");
    truncateSync(place.snapshot, statSync(place.snapshot).size / 2);
    expect(await place.status()).toMatchObject({ code: 2, report: { status: "invalid", why: "torn" } });
    expect((await place.run("status")).stdout).toContain("every recipient is accepted");
  });

  it("exits 0 while the snapshot is fresh, and counts by source and kind", async () => {
    const place = new Place(7);
    await place.run("sync");
    const { code, report } = await place.status();
    expect(code).toBe(0);
    expect(report).toMatchObject({
      status: "fresh",
      addresses: 7,
      sources: [{ name: "list", addresses: 7, kinds: { account: 7 }, entries: 7, stale: false, fault: "" }],
    });
    expect((await place.run("status")).stdout).toMatch(
      /^fresh: .*, 7 addresses, made .*\nsource list: 7 addresses \(7 account\), read /,
    );
  });

  it("exits 1 where the snapshot is older than max_age", async () => {
    const place = new Place(7);
    await place.run("sync");
    place.configure('max_age = "1ms"\n');
    expect(await place.status()).toMatchObject({ code: 1, report: { status: "stale" } });
  });
});
