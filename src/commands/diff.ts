/** `goodmailto diff`: which keys one list has and another has not. */
import { Command } from "commander";

import { diffLists, findList, readHistory } from "../../sync/remember/history.ts";
import type { Difference } from "../../sync/remember/history.ts";
import { exit } from "../ops/exit.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";

/** Builds the verb. */
export function diffCommand(): Command {
  return new Command("diff")
    .description("Compare two snapshots: print what B adds (+), removes (-) or restricts differently (~)")
    .argument("<A>", 'the older snapshot: "current", a number of `goodmailto history`, a time, or a path')
    .argument("[B]", "the newer snapshot", "current")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .action(diff);
}

function diff(one: string, other: string, { config }: { config: string }): void {
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const history = readHistory(settings.snapshot.path);
  const [older, newer] = [findList(history, one), findList(history, other)];
  if (typeof older === "string" || typeof newer === "string") {
    const faults = [older, newer].filter((fault) => typeof fault === "string");
    process.stderr.write(`goodmailto: ${faults.join("; ")}\n`);
    process.exitCode = exit.usage;
    return;
  }
  if (older.mark !== newer.mark) {
    process.stderr.write("goodmailto: the snapshots use different HMAC secrets and cannot be compared\n");
    process.exitCode = exit.usage;
    return;
  }
  let count = 0;
  diffLists(older.path, newer.path, (difference) => {
    count += 1;
    process.stdout.write(formatDifference(difference));
  });
  process.exitCode = count === 0 ? exit.ok : exit.refused;
}

function formatDifference({ sign, key, kind, rules }: Difference): string {
  const [before, now] = (rules ?? []).map((rule) => (rule === "" ? "everybody" : rule));
  return `${sign} ${key} (${kind})${rules === undefined ? "" : ` ${before} -> ${now}`}\n`;
}
