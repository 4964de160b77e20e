/**
 * A soak: good and hostile clients at once, for a time, on `goodmailto serve` in front of a real Postfix. What counts
 * in the end: Postfix holds exactly the messages that were answered 250, and memory and descriptors are as before.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { configOf, node, project, Scene, until } from "../end-to-end/scene.ts";
import type { Program } from "../end-to-end/scene.ts";
import { startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { sendGood } from "./good.ts";
import type { GoodTally } from "./good.ts";
import { liveHeap } from "./heap.ts";
import { cutAfterDot, harass, visits } from "./hostile.ts";
import { recipients } from "./site.ts";

/** What the process holds at a moment. */
export interface Sample {
  /** Since the load began. */
  readonly seconds: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** What it came to. */
export interface SoakReport {
  /** Messages answered 250. */
  readonly accepted: number;
  /** Answers to good clients that were not 250. */
  readonly others: readonly string[];
  /** Messages of good clients in Postfix's queue, over all the time. */
  readonly queued: number;
  /** Answered 250, and not in the queue. */
  readonly lost: readonly string[];
  /** In the queue more than once. */
  readonly twice: readonly string[];
  /** Of hostile clients, in the queue. */
  readonly smuggled: readonly string[];
  /** Cut after the final dot: neither promised nor forbidden. */
  readonly cut: number;
  /** Hostile visits by kind. */
  readonly visits: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** Bytes left after a full collection: a third of the way, and at the end, with the clients still there. */
  readonly liveEarly: number;
  readonly liveLate: number;
  readonly descriptorsBefore: number;
  /** When every client was gone and unused connections to the hop had been let go. */
  readonly descriptorsAfter: number;
  /** Exit code of the relay at SIGTERM. */
  readonly exit: number;
  /** Session errors that the relay logged. */
  readonly faults: number;
}

const goodClients = 12;

function sampleOf(pid: number, since: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const residentBytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  const seconds = (performance.now() - since) / 1000;
  return { seconds, residentBytes, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** The limits are the defaults, but for a message size that hostile clients reach sooner. */
async function startSite(scene: Scene): Promise<{ postfix: Postfix; port: number; relay: Program; inspector: string }> {
  const postfix = await startPostfix({
    files: { headers: "/^Subject: / INFO\n" },
    main: { default_transport: "discard:", header_checks: "regexp:{folder}/headers" },
  });
  const smtp = 'greeting_delay = "100ms"\nmax_message_size = "2MB"';
  // The scene's own delay is none.
  const text = configOf({ hop: postfix.port, smtp }).replace('greeting_delay = "0ms"\n', "");
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), recipients);
  const config = scene.write("goodmailto.toml", text);
  const words = ["--inspect=127.0.0.1:0", join(project, "src/main.ts"), "serve", "--config", config];
  const relay = scene.run(node, words);
  const [inspector] = await relay.until(/ws:\S+/);
  const [, port] = await relay.until(/relay: ready listen=\S*?:(\d+)/);
  return { postfix, port: Number(port), relay, inspector };
}

/** Runs it. @param tell is told each sample */
export async function soak(seconds: number, tell: (sample: Sample) => void): Promise<SoakReport> {
  const scene = new Scene();
  let postfix: Postfix | undefined;
  try {
    const site = await startSite(scene);
    postfix = site.postfix;
    const { port, relay, inspector } = site;
    const { pid } = relay;
    await liveHeap(inspector);
    const descriptorsBefore = readdirSync(`/proc/${pid}/fd`).length;
    const tally: GoodTally = { accepted: new Set(), others: [] };
    const signal = AbortSignal.timeout(seconds * 1000);
    const kinds = Object.entries({ ...visits, "cut after dot": cutAfterDot });
    const hostile = Promise.all(
      kinds.map(async ([name, visit], i) => [name, await harass(port, i, name, visit, signal)] as const),
    );
    const good = Promise.all(Array.from({ length: goodClients }, (_, i) => sendGood(port, i, tally, signal)));
    const early = sleep((seconds * 1000) / 3).then(() => liveHeap(inspector));
    const late = sleep(seconds * 960).then(() => liveHeap(inspector));
    const samples = await takeSamples(pid, seconds, signal, tell);
    const [liveEarly, liveLate] = await Promise.all([early, late]);
    const [counts] = await Promise.all([hostile, good]);
    // Unused connections to the hop live ten seconds.
    const descriptorsAfter = await until(
      () => readdirSync(`/proc/${pid}/fd`).length,
      (count) => count <= descriptorsBefore,
      30_000,
    ).catch(() => readdirSync(`/proc/${pid}/fd`).length);
    const own = postfix;
    await until(
      () => own.queue(),
      (queue) => queue.length === 0,
      60_000,
    );
    const found = readQueue(own.log());
    const { code: exit } = await relay.stop();
    const goodOnes = [...found].filter(([subject]) => subject.startsWith("good-"));
    return {
      accepted: tally.accepted.size,
      others: tally.others,
      queued: goodOnes.reduce((sum, [, times]) => sum + times, 0),
      lost: [...tally.accepted].filter((subject) => !found.has(subject)),
      twice: goodOnes.filter(([, times]) => times > 1).map(([subject]) => subject),
      smuggled: [...found.keys()].filter((subject) => !/^(?:good|cut-after-dot)-/.test(subject)),
      cut: [...found.keys()].filter((subject) => subject.startsWith("cut-after-dot-")).length,
      visits: Object.fromEntries(counts),
      samples,
      liveEarly,
      liveLate,
      descriptorsBefore,
      descriptorsAfter,
      exit,
      faults: relay.output.match(/internal error in a session/g)?.length ?? 0,
    };
  } finally {
    await scene.close();
    await postfix?.stop();
  }
}

async function takeSamples(
  pid: number,
  seconds: number,
  signal: AbortSignal,
  tell: (sample: Sample) => void,
): Promise<Sample[]> {
  const started = performance.now();
  const samples: Sample[] = [];
  while (!signal.aborted) {
    await sleep(Math.max(500, (seconds * 1000) / 60), undefined, { signal }).catch(() => undefined);
    const sample = sampleOf(pid, started);
    samples.push(sample);
    tell(sample);
  }
  return samples;
}

/** Subjects of the messages that became active in the queue, with how often. */
function readQueue(log: string): Map<string, number> {
  const subjects = new Map<string, string>();
  for (const [, id = "", subject = ""] of log.matchAll(/ (\w+): info: header Subject: (\S+) from /g)) {
    subjects.set(id, subject);
  }
  const found = new Map<string, number>();
  for (const [, id = ""] of log.matchAll(/qmgr\[\d+\]: (\w+): from=.*\(queue active\)/g)) {
    const subject = subjects.get(id) ?? `without a subject ${id}`;
    found.set(subject, (found.get(subject) ?? 0) + 1);
  }
  return found;
}

/** The most resident memory in a part of the time, in bytes: between collections it rises and falls. @param from share of the time, 0 to 1 */
export function residentPeak(samples: readonly Sample[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.max(1, Math.ceil(samples.length * to)));
  return Math.max(...part.map(({ residentBytes }) => residentBytes));
}
