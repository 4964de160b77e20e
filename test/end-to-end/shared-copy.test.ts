/** A large snapshot and several processes: one copy for all of them, of which nothing is left at the end. */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, readSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { freePort } from "../fakes/free-port.ts";
import { answerTo, configOf, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";

/** Enough for a file of more than 8 MB. */
const many = (prefix: string): string[] =>
  Array.from({ length: 130_000 }, (_, i) => `${prefix}.${String(i).padStart(6, "0")}@kontor.example`);

let scene: Scene;
let hop: NextHop;
beforeEach(async () => {
  scene = new Scene();
  hop = await startNextHop();
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), many("anna"));
});
afterEach(async () => {
  await scene.close();
  await hop.close();
});

/** Processes that a process has started. */
function workersOf({ child }: Program): number[] {
  const text = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** The copy that a process has mapped. */
function mappedBy(pid: number): string | undefined {
  try {
    return /\S*\/copies-\S+\.sqlite/.exec(readFileSync(`/proc/${pid}/maps`, "latin1"))?.[0];
  } catch {
    return undefined;
  }
}

/** How often a text is in memory that a process shares with nobody. */
function timesIn(pid: number, text: string): number {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    const maps = readFileSync(`/proc/${pid}/smaps`, "latin1").matchAll(
      /^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0 +(?:\[heap\])?\n(?:(?!Rss:).*\n)*Rss: +([1-9]\d*)/gm,
    );
    let times = 0;
    for (const [, from = "", to = ""] of maps) {
      times += timesBetween(memory, [Number.parseInt(from, 16), Number.parseInt(to, 16)], text);
    }
    return times;
  } finally {
    closeSync(memory);
  }
}

function timesBetween(memory: number, [from, to]: readonly [number, number], text: string): number {
  const piece = Buffer.alloc(1 << 20);
  let times = 0;
  for (let at = from; at < to; at += piece.length) {
    let bytes: Buffer;
    try {
      bytes = piece.subarray(0, readSync(memory, piece, 0, Math.min(piece.length, to - at), at));
    } catch {
      // It was given back meanwhile.
      continue;
    }
    for (let found = bytes.indexOf(text); found >= 0; found = bytes.indexOf(text, found + 1)) {
      times += 1;
    }
  }
  return times;
}

const copiesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith("copies-"));

it("is mapped by all workers, replaced, mapped again by one that is started anew, and gone at the end", async () => {
  const copies = join(scene.folder, "own");
  mkdirSync(copies, { mode: 0o700 });
  // Of a relay that was killed: the process with this number cannot exist.
  mkdirSync(join(copies, "copies-4194305-old"));
  const port = await freePort();
  const more = `[limits]\nharvest_delay_after = 0\nharvest_hangup_after = 0\nharvest_client_limit = 0`;
  const text = configOf({ hop: hop.port, port, smtp: "workers = 2", more });
  const config = scene.write("goodmailto.toml", text.replace("[snapshot]", `[snapshot]\ncopy_folder = "${copies}"`));
  const program = scene.start("serve", "--config", config);
  await program.until(/relay: workers ready/);
  expect(copiesIn(copies)).toHaveLength(1);

  const mapped = async (count = 2): Promise<string> => {
    const paths = await until(
      () => workersOf(program).map(mappedBy),
      (all) => all.length === count && all.every((path) => path !== undefined && path === all[0]),
    );
    return paths[0] ?? "";
  };
  const known = await answerTo(port, "anna.099999@kontor.example");
  expect([known, await answerTo(port, "anna.999999@kontor.example")]).toEqual([
    expect.stringMatching(/^250 /),
    expect.stringMatching(/^550 5\.1\.1 /),
  ]);
  const first = await mapped();
  const timesInEach = (text: string): number[] => workersOf(program).map((pid) => timesIn(pid, text));
  // A worker that had the list, or its pages, in memory of its own would have each of 130,000 addresses.
  expect(Math.max(...timesInEach("anna."))).toBeLessThan(1000);

  // Whoever writes over the published file disturbs nobody.
  writeFileSync(join(scene.folder, "snapshot.sqlite"), "garbage");
  await program.until(/invalid file, still serving the previous snapshot/);
  expect(await answerTo(port, "anna.100001@kontor.example")).toMatch(/^250 /);

  await publishSnapshot(join(scene.folder, "new.sqlite"), many("bert"));
  writeFileSync(join(scene.folder, "snapshot.sqlite"), readFileSync(join(scene.folder, "new.sqlite")));
  await until(
    () => mapped(),
    (path) => path !== first,
  );
  expect(await answerTo(port, "anna.100001@kontor.example")).toMatch(/^550 5\.1\.1 /);
  expect(await answerTo(port, "bert.100001@kontor.example")).toMatch(/^250 /);
  // Keys that the one who made the copy went through are left in memory that it has freed.
  expect(Math.min(...timesInEach("bert."))).toBeLessThan(1000);

  const [victim = 0] = workersOf(program);
  process.kill(victim, "SIGKILL");
  await program.until(/worker ended, starting it again/);
  await until(
    () => workersOf(program),
    (pids) => pids.length === 2 && !pids.includes(victim),
  );
  expect(await mapped()).toContain(`${copies}/`);
  // One copy, its facts and its filter.
  const [folder = ""] = copiesIn(copies);
  expect(readdirSync(join(copies, folder))).toHaveLength(3);

  program.child.kill("SIGTERM");
  expect(await program.ended()).toMatchObject({ code: 0 });
  expect(readdirSync(copies)).toEqual([]);
}, 60_000);

it("is kept in memory by a relay whose folder others may write to", async () => {
  const copies = join(scene.folder, "own");
  mkdirSync(copies);
  const config = scene.write(
    "goodmailto.toml",
    configOf({ hop: hop.port }).replace("[snapshot]", `[snapshot]\ncopy_folder = "${copies}"`),
  );
  chmodSync(copies, 0o777);
  const { program, port } = await scene.serve(config);
  expect(program.output).toMatch(/snapshot: no folder for shared copies path=\S+ why="others may write to it"/);
  expect(mappedBy(program.child.pid ?? 0)).toBeUndefined();
  expect(timesIn(program.child.pid ?? 0, "anna.")).toBeGreaterThan(130_000);
  expect(await answerTo(port, "anna.099999@kontor.example")).toMatch(/^250 /);
}, 60_000);
