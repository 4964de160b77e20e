/** The state's file when things go wrong: processes that share it, that are killed, a full disk, damage. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { SqliteStore } from "../../src/state/sqlite.ts";
import { State } from "../../src/state/state.ts";
import { RecordingLog } from "../checks/fixture.ts";

const child = join(import.meta.dirname, "child.ts");
const hour = 3_600_000;

describe("state in a file", () => {
  let folder: string;
  let path: string;
  let log: RecordingLog;
  const open: State[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-state-"));
    path = join(folder, "state.sqlite");
    log = new RecordingLog();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((state) => state.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (deadline = 25_000): State => {
    const state = new State(new SqliteStore(path, log), log, deadline);
    open.push(state);
    return state;
  };
  const countsOf = (state: State) => state.table<number>("counts", { ttl: hour, most: 100_000 });
  const run = (...words: string[]) =>
    spawn(process.execPath, [child, path, ...words], { stdio: ["ignore", "pipe", "inherit"] });

  it("is shared by processes, and no count is lost between them", async () => {
    const children = Array.from({ length: 3 }, () => run("add", "400"));
    const said = await Promise.all(children.map(({ stdout }) => text(stdout)));
    const counts = said.join("").trim().split("\n").map(Number);
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1200 }, (_, i) => i + 1));
    expect(await countsOf(start()).get("all")).toEqual({ kind: "found", row: 1200 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is made once by stores that begin at the same moment, even with one process id", async () => {
    for (let round = 0; round < 12; round++) {
      const states = [start(), start(), start()];
      await Promise.all(states.map((state) => state.ready()));
      expect(await countsOf(states[0] as State).put("a", round)).toEqual({ kind: "done" });
      expect(await countsOf(states[1] as State).get("a")).toEqual({ kind: "found", row: round });
      await Promise.all(open.splice(0).map((state) => state.close()));
      rmSync(path);
    }
    expect(log.lines).toEqual([]);
  }, 60_000);

  it("outlives kill -9 in the middle of writes, and has what was answered", async () => {
    for (let round = 0; round < 3; round++) {
      const killed = run("forever");
      let said = "";
      killed.stdout.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
      await expect.poll(() => said.split("\n").length, { timeout: 20_000 }).toBeGreaterThan(50);
      killed.kill("SIGKILL");
      await once(killed, "close");
      const last = Number(said.trim().split("\n").at(-1));
      const found = await countsOf(start()).get("all");
      expect(found.kind === "found" && found.row).toBeGreaterThanOrEqual(last);
      await open.pop()?.close();
    }
    expect(log.lines).toEqual([]);
  });

  it("says that it is unavailable on a full disk, and goes on when there is room", async () => {
    // A limit on the size of files stands for the disk; the signal that comes with it is left aside.
    const full = spawn("sh", [
      "-c",
      `trap '' XFSZ; ulimit -f 512; exec "$0" "$@"`,
      process.execPath,
      child,
      path,
      "fill",
    ]);
    const said = await text(full.stdout);
    expect(said).toMatch(/"unavailable","why":"(?:disk I\/O error|database or disk is full)"/);
    const state = start();
    expect(await countsOf(state).add("again")).toMatchObject({ kind: "counted" });
    expect(log.lines).toEqual([]);
  });

  it.each([
    [
      "is no database",
      (): void => writeFileSync(path, "no database at all, but long enough to look like one".repeat(40)),
    ],
    [
      "is damaged inside",
      (): void => {
        const bytes = readFileSync(path);
        bytes.fill(0x55, 4096);
        writeFileSync(path, bytes);
      },
    ],
  ])("is moved aside where it %s, and a new one begun", async (_what, damage) => {
    const before = start();
    await Promise.all(Array.from({ length: 200 }, async (_, i) => countsOf(before).add(`key ${i}`)));
    await open.pop()?.close();
    damage();
    const state = start();
    expect(await countsOf(state).add("a")).toMatchObject({ count: 1 });
    expect(existsSync(`${path}.damaged`)).toBe(true);
    expect(log.lines).toEqual(["state: damaged file moved aside, starting with an empty one"]);
  });

  it("that was deleted or replaced while it was used is begun again, by all who share it", async () => {
    const [one, two] = [start(), start()];
    await countsOf(one).add("a");
    await countsOf(two).add("a");
    rmSync(path);
    rmSync(`${path}-wal`, { force: true });
    rmSync(`${path}-shm`, { force: true });
    await expect
      .poll(
        async () => {
          await countsOf(one).put("b", 7);
          return existsSync(path);
        },
        { timeout: 5000 },
      )
      .toBe(true);
    await expect.poll(async () => countsOf(two).get("b"), { timeout: 5000 }).toEqual({ kind: "found", row: 7 });
  });

  it("of another program is left alone, and said to be", async () => {
    const foreign = new Database(path);
    foreign.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (42)");
    foreign.close();
    const state = start();
    expect(await countsOf(state).get("a")).toMatchObject({ kind: "unavailable" });
    expect(log.lines.join()).toContain("another program's");
    await open.pop()?.close();
    const again = new Database(path);
    expect(again.prepare("SELECT x FROM theirs").pluck().get()).toBe(42);
    again.close();
  });

  it("that another process holds locked is waited for no longer than the deadline, and said once", async () => {
    const state = start(400);
    await countsOf(state).add("a");
    const locker = new Database(path);
    locker.exec("BEGIN EXCLUSIVE");
    const started = performance.now();
    expect(await countsOf(state).add("a")).toMatchObject({ kind: "unavailable" });
    expect(performance.now() - started).toBeLessThan(2000);
    expect(countsOf(state).get("a")).toMatchObject({ kind: "unavailable" });
    expect(log.lines).toEqual([
      'state: store is unavailable, continuing without it {"store":"sqlite","why":"no answer in 400 ms"}',
    ]);
    locker.exec("COMMIT");
    locker.close();
    await expect.poll(async () => (await countsOf(state).add("a")).kind, { timeout: 15_000 }).toBe("counted");
    expect(log.lines).toContain("state: store answers again");
  });

  it("in a folder that cannot be written is unavailable", async () => {
    writeFileSync(join(folder, "file"), "");
    path = join(folder, "file", "state.sqlite");
    expect(await countsOf(start()).add("a")).toMatchObject({ kind: "unavailable" });
    expect(log.lines).toHaveLength(1);
  });
});
