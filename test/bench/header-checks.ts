/** What the checks of the header and of the parts cost: deliver 4 KiB with them should be ≥ 90 % of without. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Generator } from "./generator.ts";
import { cellKey, loadsOf, measureRounds } from "./rounds.ts";
import { startOurs } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const checks = ["basicheaders", "badsubject", "charset", "content_types", "hivirus"];
const wanted = 0.9;

/** Lists that the messages of the load do not match: an empty one would leave its check idle. */
const lists = {
  badsubject: (i: number) => `WINNER NUMBER ${i}`,
  charsets: (i: number) => `x-charset-${i} DENY`,
  content_types: (i: number) => `application/x-program-${i} DENY`,
};

function checksToml(site: Site): string {
  const folder = join(site.folder, "content-lists");
  mkdirSync(folder);
  for (const [file, line] of Object.entries(lists)) {
    writeFileSync(join(folder, file), `${Array.from({ length: 10 }, (_, i) => line(i)).join("\n")}\n`);
  }
  return [
    `[control]\nfolders = ["${folder}"]`,
    `[checks]\nrun = ${JSON.stringify([...checks, "goodmailto"])}`,
    `[checks.basicheaders]\nrequire = ["Subject"]`,
    `[checks.charset]\nparts = "all"`,
  ].join("\n");
}

/** The relay without them, and with all of them. */
export async function measureHeaderChecks(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const options = quick ? { warmup: 2, seconds: 1 } : { warmup: 4, seconds: 2.5 };
  const loads = loadsOf(site, 0)
    .filter(({ mode, name }) => mode === "deliver" && name.includes("4 KiB @100"))
    .map((load) => ({ ...load, options: { ...load.options, ...options } }));
  const names = ["without", "header checks"];
  const run = `[checks]\nrun = ["goodmailto"]`;
  const started: Server[] = [];
  try {
    started.push(
      await startOurs(site, { name: "without", more: run }),
      await startOurs(site, { name: "header checks", more: checksToml(site) }),
    );
    const { cells } = await measureRounds(generator, started, loads, quick ? 1 : 3);
    const rows = loads.map((load) => {
      const [without, all] = names.map((name) => cells.get(cellKey(name, load.name)));
      const rate = (all?.rate ?? Number.NaN) / (without?.rate ?? Number.NaN);
      const work = (without?.cpu ?? Number.NaN) / (all?.cpu ?? Number.NaN);
      const faults = (without?.faults ?? 0) + (all?.faults ?? 0);
      const verdict = faults > 0 ? `${faults} faults` : rate >= wanted ? "yes" : "no";
      return [load.name, figure(without?.rate), figure(all?.rate), figure(rate), figure(work), verdict];
    });
    const head = ["load", "without, 1/s", "with, 1/s", "with / without", "by CPU time", "≥ 90 %"];
    return table([head, ...rows]);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}
