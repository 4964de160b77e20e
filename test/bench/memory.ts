/**
 * What a list costs four workers: memory in all, when started, asked, and while they take up another one; how long a
 * client waits meanwhile; and the rate with many addresses beside that with few.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { node } from "../end-to-end/scene.ts";
import { benchDomain, userOf } from "./lookups.ts";
import type { Generator } from "./generator.ts";
import { compareByTurns } from "./rounds.ts";
import { startOurs } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const workers = 4;
const few = 10_000;

/** Tables, as text. */
export async function measureMemory(generator: Generator, site: Site, full: boolean, quick: boolean): Promise<string> {
  const many = full ? 10_000_000 : quick ? 100_000 : 2_000_000;
  const own = { ...site, folder: join(site.folder, "memory") };
  mkdirSync(own.folder);
  const servers: Server[] = [];
  try {
    for (const size of [few, many]) {
      servers.push(await start(own, size));
    }
    const [small, large] = servers as [Server, Server];
    const rows = [
      [
        "addresses",
        "started",
        "asked",
        "most while another is taken up",
        "after",
        "longest answer before, ms",
        "while, ms",
      ],
    ];
    for (const [server, size] of [
      [small, few],
      [large, many],
    ] as const) {
      rows.push([size.toLocaleString("en-US"), ...(await figuresOf(own, server, size)).map(figure)]);
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
    await Promise.all(servers.map((server) => server.stop()));
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

const anyUser = (size: number): string => userOf(Math.floor(Math.random() * size), size);

async function figuresOf(site: Site, server: Server, size: number): Promise<number[]> {
  const path = join(site.folder, String(size), "snapshot.sqlite");
  const started = memoryOf(server.pid);
  await askMany(server.port, size);
  const asked = memoryOf(server.pid);
  const before = await longestAnswer(server.port, size, () => sleep(3000));
  copyFileSync(path, `${path}.new`);
  let most = 0;
  const during = await longestAnswer(server.port, size, async () => {
    const old = mappedBy(server.pid);
    renameSync(`${path}.new`, path);
    // A small list is in the workers' own memory: nothing tells from outside when they have it.
    const isDone = (turn: number): boolean =>
      old[0] === "" ? turn > 30 : mappedBy(server.pid).every((copy, at) => copy !== old[at]) || turn > 3000;
    for (let turn = 0; !isDone(turn); turn++) {
      most = Math.max(most, memoryOf(server.pid));
      await sleep(100);
    }
  });
  return [started, asked, most, memoryOf(server.pid), before, during];
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
function mappedBy(pid: number): string[] {
  return family(pid)
    .slice(1)
    .map((each) => /copies-\S+\/\w+\.sqlite/.exec(readFileSync(`/proc/${each}/maps`, "latin1"))?.[0] ?? "");
}

const recipients = (size: number, count: number): string =>
  Array.from({ length: count }, () => `RCPT TO:<${anyUser(size)}x@${benchDomain}>\r\n`).join("");

/** Opens a session that has a sender; what comes after it is refused recipients. */
async function open(port: number) {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  let lines = 0;
  let wanted = { count: 0, done: (): void => undefined };
  socket.on("data", (text: string) => {
    lines += text.split("\r\n").filter((line) => /^\d{3} /.test(line)).length;
    if (lines >= wanted.count) {
      wanted.done();
    }
  });
  const say = async (text: string, answers: number): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer in a minute")), 60_000);
      wanted = { count: lines + answers, done: () => (clearTimeout(timer), resolve()) };
      socket.write(text);
    });
  };
  await once(socket, "connect");
  await say("", 1);
  await say("EHLO bench.example\r\nMAIL FROM:<a@b.example>\r\n", 2);
  return { say, close: () => socket.destroy() };
}

/** So many unknown addresses, each beside a known one, all over the list, in 40 sessions. */
async function askMany(port: number, size: number): Promise<void> {
  for (let round = 0; round < 40; round++) {
    const session = await open(port);
    for (let turn = 0; turn < 50; turn++) {
      await session.say(recipients(size, 200), 200);
    }
    session.close();
  }
}

/** ms that one of twelve sessions waited for one answer at most while something else happened, asking every 2 ms. */
async function longestAnswer(port: number, size: number, meanwhile: () => Promise<unknown>): Promise<number> {
  const sessions = await Promise.all(Array.from({ length: 12 }, () => open(port)));
  let longest = 0;
  const happening = meanwhile();
  const end = happening.then(() => "over");
  const asking = sessions.map(async (session) => {
    while ((await Promise.race([end, sleep(2)])) !== "over") {
      const since = performance.now();
      await session.say(recipients(size, 1), 1);
      longest = Math.max(longest, performance.now() - since);
    }
  });
  await happening;
  await Promise.all(asking);
  sessions.forEach((session) => session.close());
  return longest;
}
