/** `goodmailto history`: the lists that are kept, what each contained, and what changed from one to the next. */
import { Command } from "commander";

import { readHistory } from "../../sync/remember/history.ts";
import type { History } from "../../sync/remember/history.ts";
import { exit } from "../ops/exit.ts";
import { describeHistory } from "../compose/list-history.ts";
import type { HistoryEntry } from "../compose/list-history.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";

/** Builds the verb. */
export function historyCommand(): Command {
  return new Command("history")
    .description("List the kept snapshots with counts and changes")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--json", "print one JSON object")
    .action(({ config, json }: { config: string; json?: true }) => {
      const settings = loadSettings(config, []);
      if (settings === undefined) {
        process.exitCode = exit.config;
        return;
      }
      const history = readHistory(settings.snapshot.path);
      const entries = describeHistory(history);
      process.stdout.write(
        json === true
          ? `${JSON.stringify({ lists: entries, damaged: history.damaged }, undefined, 2)}\n`
          : formatHistory(entries, history),
      );
      process.exitCode = entries.length === 0 ? exit.unavailable : exit.ok;
    });
}

function formatHistory(entries: readonly HistoryEntry[], { damaged }: History): string {
  const lines = entries.map(({ name, since, addresses, kinds, sources, added, removed, held }) => {
    const byKind = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
    const bySource = sources.map((source) => `${source.name} ${source.addresses}`);
    const changes = added === null ? "" : `, +${added} -${removed}`;
    const hold = held === null ? "" : `\n  on hold since ${held}`;
    return `${name}: from ${since}, ${addresses} addresses${changes} (${byKind.join(", ")}; ${bySource.join(", ")})${hold}\n`;
  });
  const flaws = damaged.map(({ path, why, denied }) => `${denied ? "unreadable" : "damaged"}: ${path}: ${why}\n`);
  return [...lines, ...flaws, ...(entries.length === 0 ? ["no list is kept\n"] : [])].join("");
}
