/**
 * What a list costs four workers: memory in all, when started, asked, and while they take up another one; how long a
 * client waits meanwhile, and how long for canned replies beside it; and the rate with many addresses to that with few.
 */
import { execFile } from "node:child_process";
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { node } from "../end-to-end/scene.ts";
import { benchDomain } from "./lookups.ts";
import type { Generator } from "./generator.ts";
import { compareByTurns } from "./rounds.ts";
import { startOurs, startScript } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";
import { anyUser, askMany, longestAnswers } from "./waits.ts";

const workers = 4;
const few = 10_000;

/** Tables, as text. */
export async function measureMemory(generator: Generator, site: Site, full: boolean, quick: boolean): Promise<string> {
  const many = full ? 10_000_000 : quick ? 100_000 : 2_000_000;
  const own = { ...site, folder: join(site.folder, "memory") };
  mkdirSync(own.folder);
  const servers: Server[] = [];
  const others: Server[] = [];
  try {
    for (const size of [few, many]) {
      servers.push(await start(own, size));
    }
    const [small, large] = servers as [Server, Server];
    const canned = await startScript("canned", "canned.ts", "/dev/null");
    others.push(canned);
    const rows = [
      [
        "addresses",
        "started",
        "asked",
        "most while another is taken up",
        "after",
        "longest answer before, ms",
        "of canned replies",
        "while, ms",
        "of canned replies",
      ],
    ];
    for (const [server, size] of [
      [small, few],
      [large, many],
    ] as const) {
      rows.push([size.toLocaleString("en-US"), ...(await figuresOf(own, server, canned.port, size)).map(figure)]);
    }
    const valid = join(own.folder, "valid.txt");
    writeFileSync(valid, Array.from({ length: 100_000 }, () => `${anyUser(few)}@${benchDomain}\n`).join(""));
    const timed = { warmup: quick ? 1 : 3, rounds: quick ? 3 : 7 };
    const reject = { name: "reject", mode: "reject", options: { conc: 50, domain: benchDomain } } as const;
    const compared = await compareByTurns(generator, servers, reject, timed);
    const rates = compared.map(({ name, rate, rateRatio, faults }) => [
      name,
      figure(rate),
      figure(rateRatio),
      String(faults),
    ]);
    return [
      table(rows),
      `\nMB of all ${workers} workers and their supervisor (proportional set size: a page that several have mapped counts once).\n\n`,
      table([["refusals, list of", "per second", `to ${few.toLocaleString("en-US")}`, "faults"], ...rates]),
    ].join("");
  } finally {
    await Promise.all([...servers, ...others].map((server) => server.stop()));
  }
}

async function start(site: Site, size: number): Promise<Server> {
  const folder = join(site.folder, String(size));
  const copies = join(folder, "copies");
  mkdirSync(folder);
  mkdirSync(copies, { mode: 0o700 });
  process.stderr.write(`a list of ${size}\n`);
  await promisify(execFile)(node, [join(import.meta.dirname, "lookups.ts"), "build", String(size), folder], {
    timeout: 900_000,
  });
  return startOurs(site, {
    name: size.toLocaleString("en-US"),
    workers,
    domain: benchDomain,
    smtp: `status_folder = "${copies}"`,
    snapshot: join(folder, "snapshot.sqlite"),
  });
}

async function figuresOf(site: Site, server: Server, canned: number, size: number): Promise<number[]> {
  const path = join(site.folder, String(size), "snapshot.sqlite");
  const started = memoryOf(server.pid);
  await askMany(server.port, size);
  const asked = memoryOf(server.pid);
  let most = 0;
  await takeUp(server.pid, path, () => (most = Math.max(most, memoryOf(server.pid))));
  const after = memoryOf(server.pid);
  await askMany(server.port, size);
  const ports = [server.port, canned] as const;
  const before = await longestAnswers(ports, size, () => sleep(3000));
  // Another time: to read a process's page tables takes this process up to 50 ms, and holds up that one's too.
  const during = await longestAnswers(ports, size, () => takeUp(server.pid, path, () => undefined));
  return [started, asked, most, after, ...before, ...during];
}

/**
 * Replaces the file by the same again, and waits until all workers have it. Both by other processes, as sync is one:
 * whoever renames over a file of 800 MB waits a fifth of a second until it is freed.
 * @param look is called ten times a second meanwhile
 */
async function takeUp(pid: number, path: string, look: () => void): Promise<void> {
  const run = promisify(execFile);
  const pids = family(pid).slice(1);
  const old = await mappedBy(pids);
  await run("cp", [path, `${path}.new`]);
  await run("mv", [`${path}.new`, path]);
  // A small list is in the workers' own memory: nothing tells from outside when they have it.
  const isDone = async (turn: number): Promise<boolean> =>
    old[0] === "" ? turn > 30 : turn > 3000 || (await mappedBy(pids)).every((copy, at) => copy !== old[at]);
  for (let turn = 0; !(await isDone(turn)); turn++) {
    look();
    await sleep(100);
  }
}

/** A process and those that it started. */
function family(pid: number): number[] {
  const children = globSync(`/proc/${pid}/task/*/children`).flatMap((path) => readFileSync(path, "utf8").split(" "));
  return [pid, ...children.filter((child) => child.trim() !== "").flatMap((child) => family(Number(child)))];
}

/** MB. */
function memoryOf(pid: number): number {
  const sizes = family(pid).map((each) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, "latin1"))?.[1] ?? 0),
  );
  return (sizes.reduce((sum, size) => sum + size, 0) * 1024) / 1e6;
}

/** The copy that each worker has mapped; "": none. */
function mappedBy(workers: readonly number[]): Promise<string[]> {
  return Promise.all(
    workers.map(
      async (pid) => /copies-\S+\/\w+\.sqlite/.exec(await readFile(`/proc/${pid}/maps`, "latin1"))?.[0] ?? "",
    ),
  );
}
