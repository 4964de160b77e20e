/** What the checks of the header, and of the parts too, cost: deliver 4 KiB with those of the header should be ≥ 90 % of without. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Generator } from "./generator.ts";
import { compareByTurns, loadsOf } from "./rounds.ts";
import { startOurs } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const header = ["basicheaders", "badsubject"];
/** These parse the body. */
const parts = ["charset", "content_types", "hivirus"];
const wanted = 0.9;

/** Lists that the messages of the load do not match: an empty one would leave its check idle. */
const lists = {
  badsubject: (i: number) => `WINNER NUMBER ${i}`,
  charsets: (i: number) => `x-charset-${i} DENY`,
  content_types: (i: number) => `application/x-program-${i} DENY`,
};

/** @returns the folder */
function writeLists(site: Site): string {
  const folder = join(site.folder, "content-lists");
  mkdirSync(folder, { recursive: true });
  for (const [file, line] of Object.entries(lists)) {
    writeFileSync(join(folder, file), `${Array.from({ length: 10 }, (_, i) => line(i)).join("\n")}\n`);
  }
  return folder;
}

const checksToml = (folder: string, checks: readonly string[]): string =>
  [
    `[control]\nfolders = ["${folder}"]`,
    `[checks]\nrun = ${JSON.stringify([...checks, "goodmailto"])}`,
    `[checks.basicheaders]\nrequire = ["Subject"]`,
    `[checks.charset]\nparts = "all"`,
  ].join("\n");

const kinds = { without: [], "header checks": header, "header and parts": [...header, ...parts] };

/** What the configuration has without them, with those of the header, and with all: TOML by name. */
export function additionsOf(site: Site): Readonly<Record<string, string>> {
  const folder = writeLists(site);
  return Object.fromEntries(Object.entries(kinds).map(([name, checks]) => [name, checksToml(folder, checks)]));
}

/** The relay without them, with those of the header, and with all. */
export async function measureHeaderChecks(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const load = loadsOf(site, 0).find(({ mode, name }) => mode === "deliver" && name.includes("4 KiB @100"));
  if (load === undefined) {
    throw new TypeError("There is no such load");
  }
  const started: Server[] = [];
  try {
    for (const [name, more] of Object.entries(additionsOf(site))) {
      started.push(await startOurs(site, { name, more }));
    }
    const times = quick ? { warmup: 4, rounds: 3 } : { warmup: 8, rounds: 12 };
    const [without, ...others] = await compareByTurns(generator, started, load, times);
    const rows = others.map(({ name, rate, rateRatio, cpuRatio, faults }) => {
      const failed = (without?.faults ?? 0) + faults;
      const verdict = failed > 0 ? `${failed} faults` : rateRatio >= wanted ? "yes" : "no";
      return [`${load.name}, ${name}`, ...[without?.rate, rate, rateRatio, cpuRatio].map(figure), verdict];
    });
    const head = ["load", "without, 1/s", "with, 1/s", "with / without", "by CPU time", "≥ 90 %"];
    return table([head, ...rows]);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}
