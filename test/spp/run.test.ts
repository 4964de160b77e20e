/** Programs that misbehave. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { afterAll, describe, expect, it } from "vitest";

import { readCommand } from "../../src/spp/answer.ts";
import { parsePlugins } from "../../src/spp/config.ts";
import { startPlugin } from "../../src/spp/run.ts";
import type { PluginOutcome, Run, RunOptions } from "../../src/spp/run.ts";
import { wordsOf } from "./scene.ts";

const home = mkdtempSync(join(tmpdir(), "goodmailto-run-"));
// A launcher that is killed leaves its folder behind.
process.env["TMPDIR"] = home;
afterAll(() => rmSync(home, { recursive: true, force: true }));

const path = process.env["PATH"] ?? "";

interface Started extends Run {
  readonly lines: string[];
  readonly errors: string[];
}

/** Starts a shell line. */
function start(script: string, options: Partial<RunOptions> = {}): Started {
  const [plugin] = parsePlugins(`[mail]\n:${script}`).mail;
  const lines: string[] = [];
  const errors: string[] = [];
  const run = startPlugin({
    plugin: plugin ?? { line: "", file: "", argv: [""] },
    home,
    environment: { PATH: path },
    timeout: 20_000,
    maxOutput: 65_536,
    onLine: (line): PluginOutcome | undefined => {
      lines.push(line);
      const command = readCommand(line, "mail");
      return command.kind === "verdict" ? command : undefined;
    },
    onError: (line) => errors.push(line),
    ...options,
  });
  return { answered: run.answered, exited: run.exited, lines, errors };
}

function words(outcome: PluginOutcome): string {
  switch (outcome.kind) {
    case "verdict":
      return wordsOf(outcome.verdict);
    case "failure":
      return outcome.why;
    case "none":
      return "none";
  }
}

/** Waits until a claim is true; fails after ten seconds. */
async function until(claim: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!claim()) {
    expect(Date.now()).toBeLessThan(end);
    await wait(5);
  }
}

/** Whether a process is there and no zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The children of a process, zombies included. */
function children(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return list === "" ? [] : list.split(" ").map(Number);
}

/** The one child of ours that starts the plugins. */
function launcher(): number {
  const [pid = 0, ...more] = children(process.pid);
  expect(more).toEqual([]);
  return pid;
}

/** Descriptors that we and the launcher hold. */
function descriptors(): number {
  return readdirSync("/proc/self/fd").length + readdirSync(`/proc/${launcher()}/fd`).length;
}

function pidIn(file: string): number {
  return Number(readFileSync(join(home, file), "utf8"));
}

describe("a plugin that misbehaves", () => {
  it("is killed at its time limit with all that it started", async () => {
    await start("true").exited;
    const run = start("sleep 1000 & echo $! >hang; wait", { timeout: 1500 });
    expect(words(await run.answered)).toBe("timed out");
    expect(await run.exited).toBeUndefined();
    await until(() => !isAlive(pidIn("hang")));
  });

  it("is killed the hard way where it does not heed SIGTERM, and its session does not wait for that", async () => {
    const run = start("trap '' TERM; echo $$ >stubborn; while :; do sleep 0.1; done", { timeout: 1500 });
    expect(words(await run.answered)).toBe("timed out");
    expect(isAlive(pidIn("stubborn"))).toBe(true);
    await run.exited;
    expect(isAlive(pidIn("stubborn"))).toBe(false);
  });

  it("is refused and killed where it floods, on standard output or standard error", async () => {
    for (const script of ["yes", "yes >&2", "printf '%070000d' 0"]) {
      const run = start(script);
      expect(words(await run.answered)).toBe("too much output");
      await run.exited;
      expect(run.lines.length + run.errors.length).toBeLessThanOrEqual(32_768);
    }
  });

  it("has said what it said where it floods after its last word", async () => {
    const run = start("echo 'E550 no'; yes");
    expect(words(await run.answered)).toBe("550 no");
    expect(await run.exited).toBeUndefined();
    expect(words(await start("echo N; yes").answered)).toBe("next");
    expect(words(await start("echo N; yes", { maxOutput: 10 }).answered)).toBe("next");
  });

  it("does not hold the session by a child that keeps its output open", async () => {
    const run = start("sleep 1000 & echo $! >left; echo 'Sx=1'; printf O");
    expect(words(await run.answered)).toBe("ok");
    await run.exited;
    expect(run.lines).toEqual(["Sx=1", "O"]);
    expect(isAlive(pidIn("left"))).toBe(true);
    process.kill(pidIn("left"));
  });

  it("is waited for where it closes its output early", async () => {
    const run = start("echo N; exec >&- 2>&-; until [ -e go ]; do sleep 0.02; done; echo $$ >early");
    const first = await Promise.race([run.answered, wait(150, "waiting")]);
    expect(first).toBe("waiting");
    writeFileSync(join(home, "go"), "");
    expect(words(await run.answered)).toBe("next");
    expect(pidIn("early")).toBeGreaterThan(0);
    expect(words(await start("exec >&- 2>&-; sleep 1000", { timeout: 200 }).answered)).toBe("timed out");
  });

  it("has its refusal told while it still runs, and its crash after that only noted", async () => {
    const run = start("echo 'E550 no'; until [ -e stop ]; do sleep 0.02; done; kill -9 $$");
    expect(words(await run.answered)).toBe("550 no");
    writeFileSync(join(home, "stop"), "");
    expect(await run.exited).toBe("child crashed");
    expect(run.lines).toEqual(["E550 no"]);
  });

  it("has its lines told as they come", async () => {
    const run = start("echo P220-one; until [ -e seen ]; do sleep 0.02; done; echo P220-two");
    await until(() => run.lines.length === 1);
    writeFileSync(join(home, "seen"), "");
    expect(words(await run.answered)).toBe("none");
    expect(run.lines).toEqual(["P220-one", "P220-two"]);
  });

  it("has all of a large output read though it exits at once", async () => {
    const run = start("i=0; while [ $i -lt 3000 ]; do echo Sx=$i; i=$((i+1)); done; echo N");
    expect(words(await run.answered)).toBe("next");
    expect(run.lines).toHaveLength(3001);
  });

  it("has its output in pipes, which can be opened by name as those of qmail-spp", async () => {
    const run = start("echo Sx=1 >/dev/stdout; echo said >/dev/stderr; echo N | tee /dev/stderr");
    expect(words(await run.answered)).toBe("next");
    expect([run.lines, run.errors]).toEqual([
      ["Sx=1", "N"],
      ["said", "N"],
    ]);
  });

  it("passes on what its reader throws, and is not read on", async () => {
    const run = start("echo a; echo b", {
      onLine: () => {
        throw new Error("reader's fault");
      },
    });
    await expect(run.answered).rejects.toThrow("reader's fault");
    await run.exited;
  });

  it("names its file's fault", async () => {
    const base = { line: "x", argv: ["x"] as const };
    expect(words(await start("", { plugin: { ...base, file: "./nosuch" } }).answered)).toBe("can't execute");
    expect(words(await start("", { home: "/nonexistent" }).answered)).toBe("can't execute");
    const huge = { A: "x".repeat(3_000_000) };
    expect(words(await start("", { environment: huge }).answered)).toBe("can't execute");
  });

  it("leaves no descriptor and no process", async () => {
    await start("true").exited;
    await until(() => children(launcher()).length === 0);
    const before = descriptors();
    const scripts = ["true", "echo N", "kill -9 $$", "yes", "sleep 100 & echo $! >>many", "exec nosuch"];
    const nosuch = { plugin: { line: "x", file: "./nosuch", argv: ["x"] as const } };
    await Promise.all([
      start("", nosuch).exited,
      ...scripts.flatMap((script) => [1, 2, 3].map(() => start(script).exited)),
    ]);
    for (const pid of readFileSync(join(home, "many"), "utf8").trim().split("\n")) {
      process.kill(Number(pid));
    }
    await until(() => descriptors() <= before && children(launcher()).length === 0);
  });

  it("is answered 451 and ended where the launcher dies, and the next one gets a new launcher", async () => {
    // What it says comes behind the report of its process group, by which the server can end it.
    const run = start("echo $$ >orphan; echo here >&2; exec sleep 1000");
    await until(() => run.errors.length > 0);
    const before = launcher();
    process.kill(before, "SIGKILL");
    expect(words(await run.answered)).toBe("vfork() failed");
    await until(() => !isAlive(pidIn("orphan")));
    expect(words(await start("echo N").answered)).toBe("next");
    expect(launcher()).not.toBe(before);
  });

  it("gets a new launcher where the old one hangs", async () => {
    const run = start("exec sleep 1000", { timeout: 300 });
    await until(() => children(launcher()).length > 0);
    const before = launcher();
    process.kill(before, "SIGSTOP");
    expect(words(await run.answered)).toBe("timed out");
    await run.exited;
    expect(words(await start("echo N").answered)).toBe("next");
    expect(launcher()).not.toBe(before);
  });

  it("does not hold up others where its file is a FIFO", async () => {
    expect(spawnSync("mkfifo", ["-m", "755", join(home, "fifo")]).status).toBe(0);
    const plugin = { line: "fifo", argv: ["fifo"] as const, file: "./fifo" };
    expect(words(await start("", { plugin }).answered)).toBe("can't execute");
    expect(words(await start("echo N").answered)).toBe("next");
  });

  it("is answered 451 while no launcher can be started, and runs again when one can", async () => {
    // As above.
    const run = start("echo here >&2; exec sleep 1000");
    await until(() => run.errors.length > 0);
    const [orphan = 0] = children(launcher());
    process.kill(launcher(), "SIGKILL");
    await run.exited;
    await until(() => !isAlive(orphan));
    const { execPath } = process;
    for (const broken of ["/nonexistent/node", "bad\0path"]) {
      process.execPath = broken;
      const failed = start("echo N");
      process.execPath = execPath;
      expect(words(await failed.answered)).toBe("vfork() failed");
      await failed.exited;
    }
    expect(words(await start("echo N").answered)).toBe("next");
  });

  it("ends with its server", async () => {
    const source = new URL("../../src/spp/run.ts", import.meta.url).href;
    const script = `import { startPlugin } from ${JSON.stringify(source)};
      const plugin = { line: "x", file: "/bin/sh", argv: ["/bin/sh", "-c", "echo $$ >bereft; trap '' TERM; echo Sx=1; while :; do sleep 0.1; done"] };
      const onLine = () => { process.kill(process.pid, "SIGKILL"); };
      startPlugin({ plugin, home: ${JSON.stringify(home)}, environment: { PATH: "/bin:/usr/bin" }, timeout: 60000, maxOutput: 100, onLine, onError() {} });`;
    expect(spawnSync(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" }).signal).toBe(
      "SIGKILL",
    );
    await until(() => !isAlive(pidIn("bereft")));
  });
});
