/** `goodmailto sync`: the directory into the snapshot, once or by schedule. */
import { dirname } from "node:path";

import { Command, Option } from "commander";

import type { Settings } from "../config/sections.ts";
import { createDomains } from "../mail/domains.ts";
import type { Log } from "../mail/log.ts";
import { createLog } from "../ops/log.ts";
import { runSync } from "../../sync/job.ts";
import type { Outcome } from "../../sync/job.ts";
import { createdAt } from "../../sync/previous.ts";
import { startSchedule } from "../../sync/schedule.ts";
import type { Source } from "../../sync/source.ts";
import { openSource } from "../../sync/sources/open.ts";
import { summaryFields, summaryLine } from "../../sync/summary.ts";
import { carry } from "../../sync/targets/carry.ts";
import { createCanaries } from "../../sync/tally.ts";
import type { Canary } from "../../sync/tally.ts";
import { noteRun } from "./alert.ts";
import { exit } from "./exit.ts";
import { readSealing } from "./sealing.ts";
import type { Sealing } from "./sealing.ts";
import { createProgress } from "./progress.ts";
import { defaultConfig, loadSettings } from "./settings.ts";
import { version } from "./version.ts";

interface Words {
  readonly config: string;
  readonly cron?: true;
  readonly dryRun?: true;
  readonly acceptShrink?: true;
  readonly acceptGrowth?: true;
  readonly acceptMissing?: true;
}

/** A configuration, ready to run. */
interface Plan {
  readonly settings: Settings;
  readonly sources: readonly Source[];
  readonly sealing: Sealing;
  readonly canaries: readonly Canary[];
}

/** After SIGTERM a run has so long to end, in ms; SQLite's own work cannot be interrupted. */
const stopDeadline = 10_000;

/** Builds the verb. */
export function syncCommand(): Command {
  const once = ["cron"];
  return new Command("sync")
    .description(
      "reads the directory and replaces the snapshot; exit 0 published, 75 try again, 65 refused by a guard, 78 configuration",
    )
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--cron", "stay, and run by the schedule of [sync]")
    .addOption(new Option("--dry-run", "tell what would be added and removed, publish nothing").conflicts(once))
    .addOption(new Option("--accept-shrink", "publish this time although much is gone").conflicts(once))
    .addOption(new Option("--accept-growth", "publish this time although much has come").conflicts(once))
    .addOption(new Option("--accept-missing", "publish although a source never could be read").conflicts(once))
    .action((words: Words) => (words.cron === true ? runByCron(words) : runOnce(words)));
}

function loadPlan(file: string): Plan | undefined {
  const settings = loadSettings(file, ["sync"]);
  if (settings === undefined) {
    return undefined;
  }
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  try {
    const sources = settings.source.map((source) => openSource(source, domains, dirname(file)));
    if (sources.length > 0) {
      return {
        settings,
        sources,
        sealing: readSealing(settings, dirname(file)),
        canaries: createCanaries(settings.sync.canaries, domains),
      };
    }
    process.stderr.write(`${file}: there is no [[source]] to read recipients from\n`);
  } catch (error) {
    process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return undefined;
}

async function run(
  { settings, sources, canaries, sealing }: Plan,
  log: Log,
  signal: AbortSignal,
  words: Partial<Words>,
): Promise<Outcome> {
  const progress = words.cron === true ? undefined : createProgress(process.stderr, Date.now);
  const made = await runSync({
    sources,
    protection: sealing.protection,
    settings: settings.sync,
    canaries,
    grace: settings.recipients.grace,
    path: settings.snapshot.path,
    log,
    signal,
    now: Date.now,
    version,
    acceptShrink: words.acceptShrink ?? false,
    acceptGrowth: words.acceptGrowth ?? false,
    acceptMissing: words.acceptMissing ?? false,
    ...(words.dryRun === true ? { dryRun: true, tell: printChange } : {}),
    ...(progress === undefined ? {} : { progress: (entries: number) => progress.update(entries) }),
  }).finally(() => progress?.end());
  const outcome: Outcome =
    made.kind === "published"
      ? { ...made, uncarried: await carry(sealing.targets, settings.snapshot.path, log, signal) }
      : made;
  // A run that was stopped says nothing about the directory.
  if (!signal.aborted) {
    await noteRun(settings, outcome, log);
  }
  return outcome;
}

function printChange(change: "added" | "removed", key: string): void {
  process.stdout.write(`${change === "added" ? "+" : "-"} ${key}\n`);
}

async function runOnce(words: Words): Promise<void> {
  const plan = loadPlan(words.config);
  if (plan === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const controller = new AbortController();
  const stop = (signal: string): void => controller.abort(new Error(`Stopped by ${signal}`));
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const outcome = await run(plan, createLog(plan.settings.log), controller.signal, words);
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
  if ("facts" in outcome) {
    process.stdout.write(`${summaryLine(outcome.kind, outcome.facts)}\n`);
  }
  process.exitCode = exitCode(outcome);
}

/** The exit code that says how a run ended. */
export function exitCode(outcome: Outcome): number {
  switch (outcome.kind) {
    case "published":
    case "dry-run":
      return (outcome.uncarried ?? []).length > 0 ? exit.temporary : exit.ok;
    case "refused":
    case "held":
      return exit.guard;
    case "failed":
    case "busy":
      return exit.temporary;
  }
}

async function runByCron(words: Words): Promise<void> {
  const first = loadPlan(words.config);
  if (first === undefined) {
    process.exitCode = exit.config;
    return;
  }
  let plan = first;
  const log = createLog(plan.settings.log);
  const controller = new AbortController();
  // Before the first run: SQLite's work is synchronous, and a signal without a handler would kill in the middle of it.
  const stopped = new Promise<string>((resolve) => process.once("SIGTERM", resolve).once("SIGINT", resolve));
  const schedule = startSchedule({
    timing: plan.settings.sync,
    created: () => createdAt(plan.settings.snapshot.path),
    now: Date.now,
    log,
    async run() {
      const outcome = await run(plan, log, controller.signal, { cron: true });
      if ("facts" in outcome) {
        log.info("sync", outcome.kind, summaryFields(outcome.facts));
      }
    },
  });
  const reload = (): void => {
    const next = loadPlan(words.config);
    if (next === undefined) {
      log.error("sync", "reload failed, the settings of before stay", { file: words.config });
      return;
    }
    plan = next;
    schedule.change(plan.settings.sync);
    log.info("sync", "reloaded", { file: words.config });
  };
  process.on("SIGHUP", reload);
  const signal = await stopped;
  process.removeListener("SIGHUP", reload);
  controller.abort(new Error(`Stopped by ${signal}`));
  const clean = await schedule.stop(stopDeadline);
  log.info("sync", "stopped", { signal, clean });
  if (!clean) {
    // A source that neither heeds the signal nor ends would keep the process for ever.
    process.exit(exit.temporary);
  }
}
