/**
 * Whether sessions that are over are still kept in memory: how much of what they allocate outlives two collections of
 * young objects and is made old, by V8's own trace. Once without its optimising compiler, as a relay that has just
 * started runs, and once with it. And whether V8 throws away what it has compiled when there are no sessions.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { buildGenerator } from "../bench/generator.ts";
import type { Generator } from "../bench/generator.ts";
import { startOurs } from "../bench/servers.ts";
import type { Site } from "../bench/servers.ts";
import { project } from "../end-to-end/scene.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";

/** What the trace has of all collections of young objects in a time, in bytes. */
export interface Collected {
  readonly collections: number;
  readonly allocated: number;
  readonly promoted: number;
}

/** A run: what is collected while it lasts, and how much code V8 throws away behind it. */
interface Run extends Collected {
  /** Compiled functions whose objects are gone. */
  readonly forgotten: number;
}

/** Sessions that compile the code, and fill what is kept. */
const first = 2000;
const atOnce = 50;
/**
 * Of what is allocated. Node itself keeps the socket and the parser of a session until V8 optimises the constructor of
 * their streams: 6 % with all that they refer to let go of, and 23 % with it.
 */
const mostPromoted = 0.1;
/** V8 looks after the memory of an idle process from its eighth second on; ms. */
const idleTime = 25_000;
/** 200 and more where it forgets the layouts of a session's objects. */
const mostForgotten = 5;
/** So that the sessions of a run are some fifty collections. */
const young = "--max-semi-space-size=8";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const forgottenIn = (trace: string): number => trace.split("reason: embedded weak objects cleared").length - 1;

/** Reads lines of `--trace-gc-nvp`; those of full collections do not count. */
export function collectedIn(trace: string): Collected {
  const lines = trace.split("\n").filter((line) => line.includes(" gc=s "));
  const sum = (name: string): number =>
    lines.reduce((so, line) => so + Number(new RegExp(` ${name}=(\\d+)`).exec(line)?.[1] ?? 0), 0);
  return { collections: lines.length, allocated: sum("allocated"), promoted: sum("promoted") };
}

async function collect(
  generator: Generator,
  site: Site,
  checkout: string,
  sessions: number,
  words: readonly string[],
): Promise<Run> {
  const nodeWords = ["--trace-gc-nvp", "--trace-deopt", young, ...words];
  const server = await startOurs(site, { name: "survivors", checkout, nodeWords });
  const run = async (total: number): Promise<void> => {
    const options = {
      conc: atOnce,
      binds: atOnce,
      warmup: 0,
      seconds: 600,
      total,
      port: server.port,
      pids: server.pid,
    };
    await generator.measure({ mode: "session", options });
  };
  const trace = (): string => readFileSync(join(site.folder, "survivors.log"), "latin1");
  try {
    await run(first);
    const before = trace().length;
    await run(sessions);
    const behind = trace();
    await sleep(idleTime);
    return { ...collectedIn(behind.slice(before)), forgotten: forgottenIn(trace().slice(behind.length)) };
  } finally {
    await server.stop();
  }
}

/** Runs it. @param checkout of goodmailto, with its node_modules @returns the exit code */
export async function runSurvivors(sessions: number, checkout: string = project): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-survivors-"));
  const site = { folder, valid: join(folder, "valid.txt"), snapshot: join(folder, "snapshot.sqlite"), sinkPort: 9 };
  writeFileSync(site.valid, "user@example.com\n");
  await publishSnapshot(site.snapshot, ["user@example.com"]);
  let code = 0;
  try {
    const generator = await buildGenerator(folder);
    if (generator.kind !== "C") {
      print("Needs a C compiler.");
      return 1;
    }
    for (const words of [["--no-opt"], []]) {
      const { collections, allocated, promoted, forgotten } = await collect(generator, site, checkout, sessions, words);
      const share = promoted / allocated;
      const faults = [
        share > mostPromoted ? `more than ${mostPromoted * 100} % survive` : "",
        forgotten > mostForgotten ? "code is compiled in vain" : "",
      ].filter((fault) => fault !== "");
      print(
        `${sessions} sessions, node ${[young, ...words].join(" ")}: ${collections} collections, ${Math.round(allocated / sessions)} bytes allocated per session, ${(share * 100).toFixed(1)} % of them made old; ${forgotten} compiled functions thrown away in ${idleTime / 1000} idle s`,
      );
      faults.forEach((fault) => print(`  NOT WELL: ${fault}`));
      code ||= faults.length;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  print(`load average ${loadavg()[0]?.toFixed(1)}${code === 0 ? "; all is well" : ""}`);
  return Math.min(code, 1);
}
