/** Other mail servers that ask: Postfix with our tables and policy service beside its own lmdb table, and one look-up's time. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { packet } from "../../src/milter/packet.ts";
import { lookupProtocols } from "../../src/report/counters.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";
import { netstring, policyQuestion } from "../lookup/scene.ts";
import type { Generator } from "./generator.ts";
import { compareByTurns } from "./rounds.ts";
import { startAskingPostfix, startOurs } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const run = promisify(execFile);

/** Connections at a time. */
const clients = 50;
const pathOf = (site: Site, protocol: LookupProtocol): string => join(site.folder, `asked-${protocol}`);

/** Sections of a relay that is asked by all. */
function sections(site: Site): string {
  return lookupProtocols
    .map((name) => {
      const listen = `unix:${pathOf(site, name)}`;
      return `[[lookup]]\nname = "${name}"\nprotocol = "${name}"\nlisten = ["${listen}"]\nmode = "0666"\n`;
    })
    .join("");
}

const mapOf = (site: Site): string => `socketmap:unix:${pathOf(site, "socketmap")}:x`;

/** How Postfix asks: options of its listeners. */
function waysOf(site: Site): Readonly<Record<string, string>> {
  const socketmap = mapOf(site);
  const policy = `check_policy_service,unix:${pathOf(site, "policy")}`;
  return {
    socketmap: `-o relay_recipient_maps=${socketmap}`,
    proxied: `-o relay_recipient_maps=proxy:${socketmap}`,
    policy: `-o relay_recipient_maps= -o smtpd_recipient_restrictions=${policy}`,
  };
}

/** Tables, as text. */
export async function measureAsked(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const ours = await startOurs(site, { name: "asked", more: sections(site) });
  const started: Server[] = [];
  try {
    const times = await measureTimes(site, ours.pid, quick);
    const postfixes = await startAskingPostfix(site, waysOf(site), `proxy:unix:passwd.byname proxy:${mapOf(site)}`);
    started.push(...postfixes);
    const load = { name: "reject", mode: "reject", options: { conc: clients } } as const;
    const turns = { warmup: quick ? 1 : 3, rounds: quick ? 3 : 7 };
    const compared = started.length === 0 ? [] : await compareByTurns(generator, started, load, turns);
    const rows = compared.map(({ name, rate, rateRatio, faults }) => [
      name,
      figure(rate),
      figure(rateRatio),
      String(faults),
    ]);
    return [table([["Postfix refuses by", "per second", "to lmdb", "faults"], ...rows]), times].join("\n");
  } finally {
    await started[0]?.stop();
    await ours.stop();
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: lookup\r\n\r\n`;

/** Becomes another number in each question. */
const unknown = "nobody%04d@example.com";
/** Its length, for protocols that tell lengths. */
const sample = unknown.replace("%04d", "0000");
const numbered = (question: string): string => question.replace(sample, unknown);

/** A question about an unknown address, and how an answer ends; after a head that ends in a text, where that is given. */
const talks: Readonly<Record<LookupProtocol, readonly [question: string, last: string, headEnd?: string]>> = {
  socketmap: [netstring(`x ${sample}`), ","],
  policy: [policyQuestion({ recipient: sample, sender: "a@b.example", client_address: "192.0.2.9" }), "\n\n"],
  tcp: [`get ${sample}\n`, "\n"],
  milter: [packet("R", Buffer.from(`<${sample}>\0`)).toString("latin1"), "\0"],
  exim: [`${sample}\n`, "\n"],
  qd1: [get(`/qd1/deliverable?${sample}`), "", "\r\n\r\n"],
  http: [get(`/v1/recipient/${sample}`), "}\n"],
};

/** What the client says; times in µs. */
interface Times {
  readonly count: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Seconds of processor of the client. */
  readonly cpu: number;
}

const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex");

/** @param pace ms between two questions of a connection; 0: as fast as they are answered */
async function timesOf(
  program: string,
  path: string,
  protocol: LookupProtocol,
  { seconds, pace }: { readonly seconds: number; readonly pace: number },
): Promise<Times> {
  const [question, last, headEnd] = talks[protocol];
  const ends = headEnd === undefined ? [last] : [last, headEnd];
  const words = [path, clients, seconds, pace * 1000, hex(numbered(question)), ...ends.map(hex)].map(String);
  const { stdout } = await run(program, words, { timeout: (seconds + 30) * 1000 });
  return JSON.parse(stdout) as Times;
}

/** Seconds of processor that a process has used. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A row: by 50 clients that ask 20 times a second each, and by 50 that ask as fast as they are answered. */
async function rowOf(
  program: string,
  site: Site,
  pid: number,
  protocol: LookupProtocol,
  quick: boolean,
): Promise<string[]> {
  process.stderr.write(`look-ups by ${protocol}\n`);
  const path = pathOf(site, protocol);
  const ask = (seconds: number, pace: number): Promise<Times> =>
    timesOf(program, path, protocol, { seconds: quick ? 1 : seconds, pace });
  await ask(3, 0);
  const paced = await ask(20, clients);
  const before = cpuOf(pid);
  const full = await ask(10, 0);
  const cpu = (cpuOf(pid) - before) / full.count;
  const rate = full.count / full.seconds;
  const queue = (clients / rate) * 1000;
  const times = [paced.p50, paced.p99, paced.p999].map((us) => us / 1000);
  return [protocol, ...[...times, rate, queue, full.p50 / 1000, full.p99 / 1000, cpu * 1e6].map(figure)];
}

/**
 * How long look-ups take, by a client in C: the processor has two cores, and the client should need little of them. At a
 * pace the figures are the time of a look-up. As fast as they can, 50 clients wait for each other: the mean is 50
 * through the rate, whatever the server does.
 */
async function measureTimes(site: Site, pid: number, quick: boolean): Promise<string> {
  const program = join(site.folder, "asktime");
  try {
    await run("cc", ["-O2", "-o", program, join(import.meta.dirname, "asktime.c")], { timeout: 60_000 });
  } catch {
    return "No times of look-ups: there is no C compiler.\n";
  }
  const paced = ["median ms at 1,000 a second", "99 % within", "99.9 % within"];
  const full = ["flat out, per second", "50 / rate, ms", "median ms", "99 % within", "server's CPU µs each"];
  const rows: string[][] = [];
  for (const protocol of lookupProtocols) {
    rows.push(await rowOf(program, site, pid, protocol, quick));
  }
  return table([["look-up by", ...paced, ...full], ...rows]);
}
