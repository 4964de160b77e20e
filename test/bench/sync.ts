/**
 * `goodmailto sync` from a real slapd beside `ldapsearch` and `postmap lmdb:`: seconds and the peak of memory. It starts
 * the bundle, as installed; `GOODMAILTO_TEST_SOURCE=1`: the source.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import setupBundle from "../bundle/setup.ts";
import { node } from "../end-to-end/scene.ts";
import { missing } from "../fakes/need.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { bundleVariable, source } from "../program.ts";
import { figure, median, table } from "./table.ts";

const suffix = "o=Kontor";

const rounds = 5;

interface Timed {
  readonly seconds: number;
  /** Of the program and all that it started; slapd's are not among them. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** Rows for a table. */
export async function measureSync(folder: string, sizes: readonly number[]): Promise<string> {
  if (missing("slapd")) {
    return "Needs slapd.\n";
  }
  const peer = !missing("ldapsearch") && !missing("postmap");
  const rows = [
    [
      ...["entries", "sync s", "of it CPU", "sync again s", "peak MB"],
      ...["ldapsearch + postmap s", "of it CPU", "ratio", "ratio of CPU"],
    ],
  ];
  await setupBundle();
  for (const size of sizes) {
    const own = join(folder, `sync-${size}`);
    await mkdir(own);
    const started = performance.now();
    const slapd = await startSlapd({
      suffix,
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: `dn: ${suffix}\nobjectClass: organization\no: Kontor\n\n${Array.from({ length: size }, (_, i) => person(i)).join("\n")}\n`,
      database: ["maxsize 8589934592", "sizelimit unlimited"],
    });
    process.stderr.write(
      `slapd with ${size} entries is there after ${figure((performance.now() - started) / 1000)} s\n`,
    );
    try {
      rows.push([size.toLocaleString("en-US"), ...(await measureOne(slapd, own, peer))]);
    } finally {
      await slapd.stop();
      rmSync(own, { recursive: true, force: true });
    }
  }
  return table(rows);
}

async function measureOne(slapd: Slapd, folder: string, peer: boolean): Promise<string[]> {
  const [first, again, theirs]: [Timed[], Timed[], Timed[]] = [[], [], []];
  const config = join(folder, "goodmailto.toml");
  const snapshot = join(folder, "snapshot.sqlite");
  writeFileSync(config, configOf(slapd, snapshot));
  writeFileSync(join(folder, "main.cf"), "compatibility_level = 3.6\nlmdb_map_size = 2147483648\n");
  // As packages and units start it.
  const sync = ["--max-semi-space-size=8", process.env[bundleVariable] ?? source, "sync", "--config", config];
  for (let round = 0; round < rounds; round++) {
    rmSync(snapshot, { force: true });
    first.push(await timed(node, sync));
    again.push(await timed(node, sync));
    if (peer) {
      rmSync(join(folder, "list.lmdb"), { force: true });
      theirs.push(await timed("bash", ["-c", pipeline(slapd, folder)]));
    }
  }
  const middle = (runs: readonly Timed[], pick: "seconds" | "cpuSeconds"): number =>
    median(runs.map((run) => run[pick]));
  return [
    figure(middle(first, "seconds")),
    figure(middle(first, "cpuSeconds")),
    figure(middle(again, "seconds")),
    figure(Math.max(...first.map(({ peakBytes }) => peakBytes)) / 1e6),
    figure(middle(theirs, "seconds")),
    figure(middle(theirs, "cpuSeconds")),
    `${figure(middle(first, "seconds") / middle(theirs, "seconds"))}×`,
    `${figure(middle(first, "cpuSeconds") / middle(theirs, "cpuSeconds"))}×`,
  ];
}

function pipeline({ ldap }: Slapd, folder: string): string {
  const search = `ldapsearch -LLL -x -o ldif-wrap=no -E pr=1000/noprompt -H ${ldap} -b ${suffix} '(mail=*)' mail`;
  return `set -eo pipefail; PATH=$PATH:/usr/sbin; cd ${folder}
    ${search} | sed -n 's/^mail: \\(.*\\)/\\1 ok/p' >list; postmap -c ${folder} lmdb:${folder}/list`;
}

/** Runs a program to its end, and watches its memory. @throws Error if it fails */
export async function timed(command: string, words: readonly string[]): Promise<Timed> {
  const started = performance.now();
  // Bash tells the time of all that it waited for. What it runs is its only child, or a pipeline of such.
  const line = 'TIMEFORMAT="cpu %U %S"; time "$@"';
  const child = spawn("bash", ["-c", line, "bash", command, ...words], { stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-2000)));
  let peakBytes = 0;
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, peakBelow(child.pid ?? 0))), 20);
  const killer = setTimeout(() => child.kill("SIGKILL"), 600_000);
  const [code] = (await once(child, "close")) as [number | null];
  clearInterval(watch);
  clearTimeout(killer);
  if (code !== 0) {
    throw new Error(`${command} failed: ${complaints}`);
  }
  const [, user = "", system = ""] = /cpu (\S+) (\S+)/.exec(complaints) ?? [];
  const cpuSeconds = Number(user) + Number(system);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds, peakBytes };
}

function peakBelow(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return Math.max(...children.map((child) => peakOf(Number(child))));
  } catch {
    return 0;
  }
}

/** The most that a process ever had resident. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function configOf({ ldap }: Slapd, snapshot: string): string {
  return `
[domains]
relay = ["kontor.example"]
[snapshot]
path = "${snapshot}"
[[source]]
name = "bench"
type = "ldap"
preset = "openldap"
url = ["${ldap}"]
base = "${suffix}"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:25"
`;
}

function person(number: number): string {
  const classes = ["top", "person", "organizationalPerson", "inetOrgPerson"].map((name) => `objectClass: ${name}`);
  const facts = [`cn: User ${number}`, "sn: User", `mail: user${number}@kontor.example`, `uid: user${number}`];
  return `dn: uid=user${number},${suffix}\n${[...classes, ...facts].join("\n")}\n`;
}
