/**
 * How long `goodmailto explain` and `history` take beside 5 kept lists and the differences of 32 more, of 100,000
 * addresses each, from start to exit. Of the bundle, as installed; `GOODMAILTO_TEST_SOURCE=1`: the source.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { node } from "../end-to-end/scene.ts";
import setupBundle from "../bundle/setup.ts";
import { bundleVariable, source } from "../program.ts";
import { found, listSource, publish } from "../snapshot/fixture.ts";
import { timed } from "./sync.ts";
import { figure, median, table } from "./table.ts";

const [addresses, kept, lists, moved] = [100_000, 5, 38, 30];
const hour = 3_600_000;
const rounds = 7;

/** Half a day after another, each list has another thirty people in place of thirty of the one before. */
async function fill(path: string, now: number): Promise<void> {
  const settings = { max_shrink: 1, keep: kept, keep_for: 90 * 24 * hour };
  for (let list = 0; list < lists; list++) {
    const people = Array.from({ length: addresses }, (_, i) =>
      found(`first.last${i < moved * list ? 200_000 + i : i}@example.com`, "account", `CN=First Last${i},O=Kontor`),
    );
    await publish(path, [listSource("list", people)], { settings, now: () => now - (lists - list) * 12 * hour });
  }
}

/** @returns a table */
export async function measureHistory(folder: string): Promise<string> {
  await setupBundle();
  const [path, config] = [join(folder, "history.sqlite"), join(folder, "history.toml")];
  const now = Date.now();
  await fill(path, now);
  writeFileSync(config, `[domains]\nrelay = ["example.com"]\n[snapshot]\npath = "${path}"\n`);
  const then = new Date(now - 12 * 24 * hour).toISOString();
  const asked = [
    ["explain", "first.last50000@example.com"],
    ["explain", "first.last200500@example.com"],
    ["explain", "first.last50000@example.com", "--at", then],
    ["history"],
    ["check", "first.last50000@example.com"],
  ];
  const rows: string[][] = [];
  for (const words of asked) {
    const runs = [];
    for (let round = 0; round < rounds; round++) {
      runs.push(await timed(node, [process.env[bundleVariable] ?? source, ...words, "--config", config]));
    }
    const seconds = [runs.map((run) => run.seconds), runs.map((run) => run.cpuSeconds)].map(median);
    rows.push([words.join(" "), ...seconds.map((each) => figure(each * 1000))]);
  }
  return table([["", "ms", "of it CPU"], ...rows]);
}
