/** Syncs as processes of their own: killed, two at a time, out of disk space. docs/design.md promise 3. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { silentLog } from "../../src/report/log.ts";
import { inspectBytes } from "../../src/snapshot/inspect.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { isRoot } from "../fakes/postfix.ts";
import { addresses, listSource, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";

const program = new URL("child.ts", import.meta.url).pathname;

interface Child {
  readonly process: ChildProcess;
  /** Resolves when the output holds this text. */
  said(text: string): Promise<void>;
  /** Resolves with exit code or signal. */
  readonly ended: Promise<number | string>;
}

function start(command: string, words: readonly string[], uid?: number): Child {
  const child = spawn(command, words, {
    stdio: ["pipe", "pipe", "inherit"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const said = async (text: string): Promise<void> => {
    await expect.poll(() => output, { timeout: 20_000, interval: 5 }).toContain(text);
  };
  return { process: child, said, ended };
}

function startSync(path: string, mode: string, rows: number): Child {
  return start(process.execPath, [program, path, mode, String(rows)]);
}

function names(path: string): string[] {
  return readdirSync(dirname(path)).sort();
}

/** The generation of a snapshot's rows; throws if they are of several, or not all there. */
function generation(path: string): string {
  const reader = openSnapshot(path, silentLog);
  try {
    if (reader.state.kind !== "open" || reader.image === undefined) {
      throw new Error(`Cannot serve: ${JSON.stringify(reader.state)}`);
    }
    const match = /g\d+(?=\.0@)/.exec(readFileSync(path, "latin1"))?.[0] ?? "none";
    const lost: string[] = [];
    for (let row = 0; row < reader.state.rows; row += 1) {
      const address = `${match}.${row}@kontor.example`;
      if (reader.image.findAddress(address) === undefined) {
        lost.push(address);
      }
    }
    expect(lost).toEqual([]);
    return match;
  } finally {
    reader.close();
  }
}

describe("a sync that is killed", () => {
  it.each([
    ["small lists, mostly while it publishes", 20, 14],
    ["a large list, mostly while it builds", 20_000, 10],
  ])("leaves a whole snapshot and nothing that the next run does not clean up: %s", async (_, rows, times) => {
    const seed = Date.now() % 100_000;
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("list", ["g0.0@kontor.example"])]);
    let interrupted = 0;
    for (let time = 0; time < times; time += 1) {
      const child = startSync(path, "forever", rows);
      await child.said("reading 1");
      // A multiplicative sequence spreads the moments; the seed is in the message of a failure.
      await sleep(((seed + time * 61) % 101) * (rows > 1000 ? 3 : 1));
      child.process.kill("SIGKILL");
      expect(await child.ended).toBe("SIGKILL");
      expect(inspectBytes(readFileSync(path)), `seed ${seed}, time ${time}`).toBeUndefined();
      expect(generation(path)).toMatch(/^g\d+$/);
      interrupted += names(path).some((name) => name.includes(".tmp.")) ? 1 : 0;
    }
    expect(interrupted, "killed in the middle at least once").toBeGreaterThan(0);
    await publish(path, [listSource("list", addresses(rows, "last"))], {
      acceptShrink: true,
      settings: { max_shrink: 0.1, keep: 2 },
    });
    expect(names(path)).toEqual(["snapshot.sqlite", "snapshot.sqlite.1", "snapshot.sqlite.2", "snapshot.sqlite.lock"]);
    for (const kept of [`${path}.1`, `${path}.2`]) {
      expect(inspectBytes(readFileSync(kept))).toBeUndefined();
    }
  });

  it("has a snapshot in place at every moment while it publishes", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("list", ["g0.0@kontor.example"])]);
    const child = startSync(path, "forever", 20);
    await child.said("reading 2");
    let absent = 0;
    for (const until = performance.now() + 1000; performance.now() < until;) {
      absent += existsSync(path) ? 0 : 1;
    }
    expect(absent).toBe(0);
    // What is opened and what is read must be one file.
    child.process.kill("SIGKILL");
    await child.ended;
    expect(generation(path)).not.toBe("g0");
  });

  it("gives its lock back", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const child = startSync(path, "hold", 10);
    await child.said("reading");
    expect(await sync(path, [listSource("list", addresses(3))])).toEqual({ kind: "busy" });
    child.process.kill("SIGKILL");
    await child.ended;
    await publish(path, [listSource("list", addresses(3))]);
  });
});

describe("two syncs at once", () => {
  it("let the first one publish, and end the second one with 75", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const first = startSync(path, "hold", 10);
    await first.said("reading");
    const second = startSync(path, "once", 10);
    expect(await second.ended).toBe(75);
    await second.said("busy");
    first.process.stdin?.end("go\n");
    expect(await first.ended).toBe(0);
    expect(generation(path)).toBe("g1");
  });
});

describe("a sync without room", () => {
  it("leaves the old snapshot where files may not grow, at whatever size that begins", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("list", ["g0.0@kontor.example"])]);
    const endings = new Set<number | string>();
    // Blocks of 512 bytes; 4000 rows are about 190 KiB of scratch and 210 KiB of snapshot.
    for (const blocks of [8, 100, 300, 360, 390, 410, 420, 2000]) {
      const words = `ulimit -f ${blocks}; exec "$@"`;
      const child = start("/bin/sh", ["-c", words, "sh", process.execPath, program, path, "once", "4000"]);
      const ending = await child.ended;
      endings.add(ending);
      expect(generation(path), `at ${blocks}`).toBe(ending === 0 ? "g1" : "g0");
      expect(names(path).filter((name) => name.includes(".tmp."))).toEqual([]);
    }
    expect(endings).toEqual(new Set([0, 75]));
  });

  it("ends with 75 in a folder that it may not write to", async () => {
    const path = join(temporaryFolder(), "folder", "snapshot.sqlite");
    mkdirSync(dirname(path));
    chmodSync(dirname(path), 0o555);
    chmodSync(dirname(dirname(path)), 0o755);
    const nobody = 65_534;
    const child = start(process.execPath, [program, path, "once", "10"], process.getuid?.() === 0 ? nobody : undefined);
    await child.said("failed");
    expect(await child.ended).toBe(75);
    expect(existsSync(path)).toBe(false);
    chmodSync(dirname(path), 0o755);
  });
});

describe.skipIf(!isRoot())("a first sync by root's hand", () => {
  it("leaves files that the folder's owner can go on with", async () => {
    const path = join(temporaryFolder(), "folder", "snapshot.sqlite");
    const nobody = 65_534;
    mkdirSync(dirname(path));
    chmodSync(dirname(dirname(path)), 0o755);
    chownSync(dirname(path), nobody, nobody);
    await publish(path, [listSource("list", ["g0.0@kontor.example"])]);
    expect(statSync(path)).toMatchObject({ uid: nobody, gid: nobody });
    const child = start(process.execPath, [program, path, "once", "10"], nobody);
    expect(await child.ended).toBe(0);
    expect(generation(path)).toBe("g1");
  });
});
