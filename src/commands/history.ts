/** `goodmailto history`: the lists that are kept, what each contained, and what changed from one to the next. */
import { Command } from "commander";

import { compareSnapshots } from "../../sync/list/changes.ts";
import { readHistory } from "../../sync/remember/history.ts";
import type { History, KeptList } from "../../sync/remember/history.ts";
import { exit } from "../ops/exit.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";

/** One list as `--json` prints it. Times are ISO 8601. */
export interface HistoryEntry {
  readonly name: string;
  readonly path: string;
  readonly created: string;
  /** When it began to serve. */
  readonly since: string;
  readonly held: string | null;
  readonly addresses: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly sources: readonly { readonly name: string; readonly addresses: number; readonly read: string }[];
  /** Against the previous list; null if none is kept, or it is under another key. */
  readonly added: number | null;
  readonly removed: number | null;
}

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

/** What is kept, newest first. */
export function describeHistory({ lists }: History): HistoryEntry[] {
  return lists.map((list, index) => {
    const before = lists[index + 1];
    const isComparable = before !== undefined && before.mark === list.mark;
    const changes = isComparable ? compareSnapshots(list.path, before.path) : { added: null, removed: null };
    return { ...describeList(list), added: changes.added, removed: changes.removed };
  });
}

function describeList(list: KeptList): Omit<HistoryEntry, "added" | "removed"> {
  const { name, path, created, since, held, addresses, kinds, sources } = list;
  return {
    name,
    path,
    created: new Date(created).toISOString(),
    since: new Date(since).toISOString(),
    held: held ?? null,
    addresses,
    kinds,
    sources: sources.map((source) => ({
      name: source.name,
      addresses: source.addresses,
      read: new Date(source.readAt).toISOString(),
    })),
  };
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
