/**
 * `npm run bench`: ours beside Postfix, a plain smtp-server and canned replies. Builds its own load, installs nothing.
 * `-- --only versions --beside FOLDER` compares with another checkout of goodmailto, its rounds between ours.
 * `-- --quick` for fewer and shorter rounds, `-- --full` for 10 million addresses and a directory of a million too, `-- --only rounds,growth,memory,sync,cures,checks,content,lookup,journal`.
 * `-- --only rivals`: beside Exim, OpenSMTPD and Haraka; `-- --only fleet`: three relays with one Redis and one store; `-- --only history`: lists of the past.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { publishSnapshot } from "../fakes/snapshot.ts";
import { node } from "../end-to-end/scene.ts";
import { allChecksToml, measureAllChecks, measureCheckLists } from "./check-lists.ts";
import { measureAllInProcess } from "./all-checks.ts";
import { measureAsked } from "./asked.ts";
import { measureChecks } from "./checks.ts";
import { measureContent } from "./content.ts";
import { measureConnections } from "./connections.ts";
import { measureCures } from "./cures.ts";
import { buildGenerator } from "./generator.ts";
import type { Generator } from "./generator.ts";
import { measureHeaderChecks } from "./header-checks.ts";
import { measureMessageChecks } from "./message-checks.ts";
import { measureHistory } from "./history.ts";
import { measureJournal } from "./journal.ts";
import { measureFleet } from "./fleet.ts";
import { measureMemory } from "./memory.ts";
import { aheadOf, startRivals } from "./rivals.ts";
import { measureLookups } from "./lookups.ts";
import { cellKey, loadsOf, measureRounds } from "./rounds.ts";
import type { Cell, Measured, NamedLoad } from "./rounds.ts";
import { end, startOurs, startPostfixServer, startScript } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { measureSync } from "./sync.ts";
import { figure, median, table } from "./table.ts";
import { freePort } from "../fakes/free-port.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean" },
    full: { type: "boolean" },
    only: { type: "string" },
    beside: { type: "string" },
  },
});
const quick = values.quick === true;
const parts = new Set((values.only ?? "rounds,growth,memory,sync,cures,checks,content,lookup,journal").split(","));
const addresses = 100_000;

async function prepare(folder: string): Promise<Site> {
  const users = Array.from({ length: addresses }, (_, i) => `user${String(i).padStart(6, "0")}@example.com`);
  const site = {
    folder,
    valid: join(folder, "valid.txt"),
    snapshot: join(folder, "snapshot.sqlite"),
    sinkPort: await freePort(),
  };
  writeFileSync(site.valid, `${users.join("\n")}\n`);
  await publishSnapshot(site.snapshot, users);
  return site;
}

function machine(generator: Generator): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = Math.round(totalmem() / 1e9);
  return (
    `${cpus().length} cores (${model}), ${memory} GB, Linux ${release()}, Node ${process.version}; ` +
    `load generator in ${generator.kind}, on the same machine; ${addresses} addresses; ` +
    `load average ${figure(loadavg()[0])} at the start\n\n`
  );
}

type Shown = "rate" | "cpu" | "client" | "latency";

/** Rows: servers; columns: loads. */
function compare(measured: Measured, servers: readonly Server[], loads: readonly NamedLoad[]): string {
  const cell = (server: Server, load: NamedLoad, show: Shown): string => {
    const found = measured.cells.get(cellKey(server.name, load.name));
    const mark = load.mode === "deliver" && server.keepsMail === true ? " (no relay)" : "";
    const faults = (found?.faults ?? 0) > 0 && show === "rate" ? ` (${found?.faults} faults)` : "";
    return `${figure(found?.[show])}${mark}${faults}`;
  };
  const head = (what: string): string[] => [what, ...loads.map(({ name }) => name)];
  const rows = (show: Shown): string[][] =>
    servers.map((server) => [server.name, ...loads.map((load) => cell(server, load, show))]);
  const postfix = servers.find(({ name }) => name.startsWith("Postfix"));
  // CPU the other way round: how much more work for the same.
  const ratio = (show: "rate" | "cpu", ours: Cell, theirs: Cell): number =>
    show === "rate" ? ours.rate / theirs.rate : theirs.cpu / ours.cpu;
  const ratios = (show: "rate" | "cpu"): string[][] =>
    servers
      .filter((server) => server !== postfix && server.keepsMail !== true)
      .map((server) => [
        `${server.name} to Postfix`,
        ...loads.map((load) => {
          const [ours, theirs] = [server, postfix].map((each) =>
            measured.cells.get(cellKey(each?.name ?? "", load.name)),
          );
          const times = ours === undefined || theirs === undefined ? Number.NaN : ratio(show, ours, theirs);
          return Number.isNaN(times) ? "-" : `${figure(times)}×`;
        }),
      ]);
  return [
    table([head("operations per second"), ...rows("rate"), ...ratios("rate")]),
    table([head("server's CPU s for 1,000"), ...rows("cpu"), ...ratios("cpu")]),
    table([head("load generator's CPU s for 1,000"), ...rows("client")]),
    table([head("median ms (sessions: to the verdict)"), ...rows("latency")]),
    `Load average while measuring: ${figure(median(measured.loadAverages))} (median), ${figure(Math.max(...measured.loadAverages))} (most).\n`,
  ].join("\n");
}

async function rounds(generator: Generator, site: Site): Promise<string> {
  const started: Server[] = [];
  try {
    started.push(await startOurs(site, { name: "goodmailto, 1 process" }));
    started.push(await startOurs(site, { name: "goodmailto, 2 processes", workers: 2 }));
    const postfix = await startPostfixServer(site);
    started.push(...(postfix === undefined ? [] : [postfix]));
    started.push(await startScript("bare smtp-server", "bare.ts", site.snapshot));
    started.push(await startScript("Node, canned replies", "canned.ts", site.valid));
    started.push(await startScript("Node, canned, 2 processes", "canned.ts", site.valid, "0", "2"));
    const loads = loadsOf(site, quick ? 0.7 : 1.5);
    const measured = await measureRounds(generator, started, loads, quick ? 1 : 3);
    return compare(measured, started, loads);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** The same with what other mail servers this machine has: refusals, a fifth of known recipients, and whole sessions. */
async function rivals(generator: Generator, site: Site): Promise<string> {
  const started: Server[] = [];
  try {
    started.push(await startOurs(site, { name: "goodmailto, 1 process" }));
    started.push(await startOurs(site, { name: "goodmailto, 2 processes", workers: 2 }));
    const postfix = await startPostfixServer(site);
    started.push(...(postfix === undefined ? [] : [postfix]), ...(await startRivals(site)));
    const wanted = new Set(["reject", "mixed 80/20", "sessions @50"]);
    const loads = loadsOf(site, quick ? 0.7 : 1.2).filter(({ name }) => wanted.has(name));
    const measured = await measureRounds(generator, started, loads, quick ? 1 : 5);
    const [one, two, ...others] = started;
    const ahead = [one, two].flatMap((ours) => (ours === undefined ? [] : aheadOf(measured, [ours, ...others], loads)));
    return [compare(measured, started, loads), ...ahead].join("\n");
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** Two checkouts of goodmailto alone: medians of more rounds, and how far the rounds of one server lie apart. */
async function versions(generator: Generator, site: Site, checkout: string): Promise<string> {
  const started: Server[] = [];
  try {
    started.push(await startOurs(site, { name: "before", checkout }), await startOurs(site, { name: "now" }));
    const loads = loadsOf(site, quick ? 0.7 : 1.5);
    const measured = await measureRounds(generator, started, loads, quick ? 2 : 5);
    const rows = loads.map(({ name }) => {
      const [before, now] = ["before", "now"].map((server) => measured.cells.get(cellKey(server, name)));
      const rate = (now?.rate ?? Number.NaN) / (before?.rate ?? Number.NaN);
      const cpu = (now?.cpu ?? Number.NaN) / (before?.cpu ?? Number.NaN);
      return [name, before?.rate, now?.rate, rate, before?.spread, now?.spread, cpu].map((cell) =>
        typeof cell === "string" ? cell : figure(cell),
      );
    });
    const head = ["load", "before, 1/s", "now, 1/s", "now / before", "spread before", "spread now", "CPU now / before"];
    return table([head, ...rows]);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-bench-"));
  // Postfix's processes read in it.
  await chmod(folder, 0o755);
  try {
    const [site, generator] = await Promise.all([prepare(folder), buildGenerator(folder)]);
    const sink =
      (await generator.sink(site.sinkPort)) ??
      spawn(node, [join(import.meta.dirname, "canned.ts"), site.valid, String(site.sinkPort)], { stdio: "ignore" });
    const print = (title: string, text: string): void => void process.stdout.write(`\n## ${title}\n\n${text}`);
    try {
      process.stdout.write(machine(generator));
      if (parts.has("rounds")) {
        print("Side by side", await rounds(generator, site));
      }
      if (parts.has("rivals")) {
        print("Beside other mail servers", await rivals(generator, site));
      }
      if (parts.has("fleet")) {
        print("A fleet", await measureFleet(site.sinkPort));
      }
      if (parts.has("versions") && values.beside !== undefined) {
        print("Before and now", await versions(generator, site, resolve(values.beside)));
      }
      if (parts.has("checks")) {
        print("A check that passes", measureChecks());
        print("Each check with its list", await measureCheckLists());
        print("All checks that need no network", await measureAllChecks(generator, site, quick));
        print("The same in one process", await measureAllInProcess(site, allChecksToml(site), quick));
      }
      if (parts.has("content")) {
        print("Checks of the header and the parts", await measureHeaderChecks(generator, site, quick));
        print("The same in one process", await measureMessageChecks(site, quick));
        print("Scanning by clamd", await measureContent(generator, site, quick));
      }
      if (parts.has("lookup")) {
        print("Asked by other mail servers", await measureAsked(generator, site, quick));
      }
      if (parts.has("journal")) {
        print("The journal", measureJournal(values.full === true ? 10_000_000 : quick ? 100_000 : 1_000_000));
      }
      if (parts.has("cures")) {
        print("Each hot spot, before and after", await measureCures(generator, site, quick));
      }
      if (parts.has("memory")) {
        print("One list, four workers", await measureMemory(generator, site, values.full === true, quick));
      }
      if (parts.has("growth")) {
        print("Memory and connections", await measureConnections(generator, site, quick));
        print("Look-ups and addresses", await measureLookups(folder, values.full === true, quick));
      }
    } finally {
      await end(sink);
    }
    if (parts.has("history")) {
      print("Lists of the past", await measureHistory(folder));
    }
    if (parts.has("sync")) {
      print("Sync", await measureSync(folder, [10_000, 100_000, ...(values.full === true ? [1_000_000] : [])]));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
