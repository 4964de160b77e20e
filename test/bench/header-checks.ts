/** What the checks of the header, and of the parts too, cost: deliver 4 KiB with those of the header should be ≥ 90 % of without. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Generator } from "./generator.ts";
import { cellKey, loadsOf, measureRounds } from "./rounds.ts";
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
  mkdirSync(folder);
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

/** The relay without them, with those of the header, and with all. */
export async function measureHeaderChecks(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const options = quick ? { warmup: 2, seconds: 1 } : { warmup: 4, seconds: 2.5 };
  const loads = loadsOf(site, 0)
    .filter(({ mode, name }) => mode === "deliver" && name.includes("4 KiB @100"))
    .map((load) => ({ ...load, options: { ...load.options, ...options } }));
  const folder = writeLists(site);
  const kinds = { without: [], "header checks": header, "header and parts": [...header, ...parts] };
  const started: Server[] = [];
  try {
    for (const [name, checks] of Object.entries(kinds)) {
      started.push(await startOurs(site, { name, more: checksToml(folder, checks) }));
    }
    const { cells } = await measureRounds(generator, started, loads, quick ? 1 : 3);
    const rows = loads.flatMap((load) => {
      const [without, ...others] = started.map(({ name }) => ({ name, ...cells.get(cellKey(name, load.name)) }));
      return others.map(({ name, rate, cpu, faults }) => {
        const share = (rate ?? Number.NaN) / (without?.rate ?? Number.NaN);
        const work = (without?.cpu ?? Number.NaN) / (cpu ?? Number.NaN);
        const failed = (without?.faults ?? 0) + (faults ?? 0);
        const verdict = failed > 0 ? `${failed} faults` : share >= wanted ? "yes" : "no";
        return [`${load.name}, ${name}`, figure(without?.rate), figure(rate), figure(share), figure(work), verdict];
      });
    });
    const head = ["load", "without, 1/s", "with, 1/s", "with / without", "by CPU time", "≥ 90 %"];
    return table([head, ...rows]);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}
