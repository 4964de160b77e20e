/**
 * A soak at half load with everything on: all checks that need no network, journal, metrics, status page, state, two
 * workers, and a new list each minute. The load is smtpload's, and so is the next hop, which counts what arrives.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { allChecksToml } from "../bench/check-lists.ts";
import { buildGenerator } from "../bench/generator.ts";
import type { Result } from "../bench/generator.ts";
import { end, startOurs } from "../bench/servers.ts";
import type { Site } from "../bench/servers.ts";
import { median } from "../bench/table.ts";
import { freePort } from "../fakes/free-port.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { calibrate } from "./calibrate.ts";
import type { Round } from "./calibrate.ts";
import { heldBy } from "./held.ts";
import type { Held } from "./held.ts";

/** What the next hop counted. */
interface Arrived {
  readonly messages: number;
  readonly unique: number;
  readonly duplicate: number;
  readonly corrupt: number;
}

/** What it came to. */
export interface EverythingReport {
  /** Messages a second, as wanted. */
  readonly rate: number;
  /** Processors that the relay kept busy during the load. */
  readonly busy: number;
  /** Messages that were sent, and recipients that were asked for, four of five unknown. */
  readonly sent: Result;
  readonly asked: Result;
  readonly arrived: Arrived;
  readonly samples: readonly Held[];
  /** When the clients were gone, and unused connections to the next hop let go. */
  readonly last: Held;
  /** New lists, and how many of them the relay used within some seconds. */
  readonly lists: { readonly made: number; readonly used: number };
  /** Answers of the status page and the metrics by their code. */
  readonly pages: ReadonlyMap<number, number>;
  /** The relay's own counts at the end: sums over all labels. */
  readonly counts: ReadonlyMap<string, number>;
}

const addresses = 100_000;
const token = "token-of-the-soak-0123456789";
const pages = ["/", "/alerts", "/list", "/journal", "/checks", "/hops", "/lookups", "/observe"];
const [listEvery, askEvery, sampleEvery, takeUp] = [60_000, 5000, 10_000, 8000];
const connections = { deliver: 20, ask: 10 } as const;

/** A run of smtpload; its figures when it has ended. */
function load(program: string, words: readonly (string | number)[]): { child: ChildProcess; done: Promise<unknown> } {
  const child = spawn(program, words.map(String), { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  child.once("error", reject);
  child.once("close", () => {
    try {
      resolve(JSON.parse(text));
    } catch {
      reject(new Error(`smtpload said "${text}"`));
    }
  });
  return { child, done: promise };
}

/** Again and again until the signal, at a steady beat. */
async function every(ms: number, signal: AbortSignal, act: (nth: number) => Promise<void>): Promise<void> {
  const begun = performance.now();
  for (let nth = 1; !signal.aborted; nth++) {
    await sleep(Math.max(0, begun + nth * ms - performance.now()), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) {
      await act(nth);
    }
  }
}

/** Sums of counters and gauges of the metrics page. */
async function countsAt(port: number): Promise<Map<string, number>> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
  const sums = new Map<string, number>();
  for (const [, name = "", value = ""] of page.matchAll(/^goodmailto_(\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

function halfOf(rounds: readonly Round[], calibrated: (rounds: readonly Round[]) => void): number {
  calibrated(rounds);
  return Math.max(1, Math.round(median(rounds.map(({ rate }) => rate)) / 2));
}

/**
 * Runs it.
 * @param wanted messages a second; not given: half of what can be delivered, by the median of some rounds
 * @param calibrated is called with these rounds @param tell is called with each sample
 */
export async function soakEverything(
  seconds: number,
  wanted: number | undefined,
  calibrated: (rounds: readonly Round[]) => void,
  tell: (sample: Held) => void,
): Promise<EverythingReport> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-soak-"));
  const at = (name: string): string => join(folder, name);
  const site: Site = { folder, valid: at("valid.txt"), snapshot: at("snapshot.sqlite"), sinkPort: await freePort() };
  const users = Array.from({ length: addresses }, (_, i) => `user${String(i).padStart(6, "0")}@example.com`);
  const [web, metrics] = [await freePort(), await freePort()];
  const { program, measure } = await buildGenerator(folder);
  if (program === undefined) {
    throw new Error("Needs a C compiler");
  }
  mkdirSync(at("state"));
  mkdirSync(at("run"), { mode: 0o700 });
  writeFileSync(site.valid, `${users.join("\n")}\n`);
  writeFileSync(at("tokens"), `${token}\n`);
  chmodSync(at("tokens"), 0o600);
  await publishSnapshot(site.snapshot, users);
  const startSink = (): ReturnType<typeof load> => load(program, ["serve", "--verify", 1, "--port", site.sinkPort]);
  let sink = startSink();
  const more = `${allChecksToml(site)}
[state]
store = "sqlite"
folder = "${at("state")}"
[trace]
keep = "30d"
folder = "${at("trace")}"
[metrics]
listen = "127.0.0.1:${metrics}"
[web]
listen = "127.0.0.1:${web}"
token_file = "${at("tokens")}"
`;
  const server = await startOurs(site, { name: "soak", workers: 2, smtp: `status_folder = "${at("run")}"`, more });
  try {
    const deliver = { conc: connections.deliver, size: 4096, valid: site.valid, port: server.port };
    // Greylisting defers the client's first message, which smtpload complains of, and knows it from then on.
    await measure({ mode: "deliver", options: { ...deliver, conc: 1, total: 3 } });
    const rate = wanted ?? halfOf(await calibrate(measure, deliver, server.pid), calibrated);
    // What arrives is counted from here on.
    await end(sink.child);
    await sink.done;
    sink = startSink();
    await sleep(1000);
    const before = await countsAt(metrics);
    const begun = performance.now();
    const cpuBefore = heldBy(server.pid, begun).cpuSeconds;
    const stop = new AbortController();
    const words = (options: Readonly<Record<string, string | number>>): (string | number)[] =>
      Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const sent = load(program, ["deliver", ...words({ ...deliver, rate, seconds, timeout: 60 })]);
    // Ten recipients at a time: as many as there are messages.
    const asked = load(program, [
      "mixed",
      ...words({
        conc: connections.ask,
        valid: site.valid,
        port: server.port,
        rate: rate / 10,
        seconds,
        timeout: 60,
      }),
    ]);
    const lists = { made: 0, used: 0 };
    const codes = new Map<number, number>();
    const samples: Held[] = [];
    const ask = async (url: string, headers: Record<string, string> = {}): Promise<void> => {
      const status = await fetch(url, { headers, signal: AbortSignal.timeout(30_000) }).then(
        async (response) => (await response.text(), response.status),
        () => 0,
      );
      codes.set(status, (codes.get(status) ?? 0) + 1);
    };
    const replace = async (nth: number): Promise<void> => {
      const extra = Array.from({ length: nth }, (_, i) => `new${i}@example.com`);
      await publishSnapshot(site.snapshot, [...users, ...extra]);
      lists.made++;
      await sleep(takeUp);
      const found = (await countsAt(metrics)).get("snapshot_addresses");
      lists.used += found === addresses + nth ? 1 : 0;
      server.tidy();
    };
    const beside = Promise.all([
      every(listEvery, stop.signal, replace),
      every(askEvery, stop.signal, async (nth) => {
        await ask(`http://127.0.0.1:${metrics}/metrics`);
        await ask(`http://127.0.0.1:${web}${pages[nth % pages.length] ?? "/"}`, { authorization: `Bearer ${token}` });
      }),
      every(sampleEvery, stop.signal, async () => {
        const sample = heldBy(server.pid, begun);
        samples.push(sample);
        tell(sample);
        return Promise.resolve();
      }),
    ]);
    const limit = setTimeout(
      () => [sent, asked].forEach(({ child }) => child.kill("SIGKILL")),
      seconds * 1000 + 180_000,
    );
    // smtpload's own words.
    const [ofSent, ofAsked] = (await Promise.all([sent.done, asked.done])) as [Result, Result];
    clearTimeout(limit);
    const atEnd = heldBy(server.pid, begun);
    const busy = (atEnd.cpuSeconds - cpuBefore) / atEnd.seconds;
    stop.abort();
    await beside;
    await sleep(15_000);
    const last = heldBy(server.pid, begun);
    const counts = await countsAt(metrics);
    for (const [name, value] of before) {
      counts.set(name, (counts.get(name) ?? 0) - (name.endsWith("_total") ? value : 0));
    }
    await server.stop();
    sink.child.kill("SIGTERM");
    const arrived = (await sink.done) as Arrived;
    return { rate, busy, sent: ofSent, asked: ofAsked, arrived, samples, last, lists, pages: codes, counts };
  } finally {
    await server.stop();
    await end(sink.child);
    rmSync(folder, { recursive: true, force: true });
  }
}
