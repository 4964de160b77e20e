/** `goodmailto sync`: the directory into the snapshot, once or by schedule. */

import { Command, Option } from "commander";

import { createLog } from "../log/log.ts";
import { hasDeltas } from "../../sync/source.ts";
import type { DeltaOutcome, Progress } from "../../sync/run/delta.ts";
import { runDeadline } from "../../sync/run/full.ts";
import type { SyncOutcome } from "../../sync/run/full.ts";
import { startNews } from "../../sync/run/news.ts";
import type { News } from "../../sync/run/news.ts";
import { answerNow, askNow } from "../../sync/run/now.ts";
import type { Log } from "../report/log.ts";
import { createdAt } from "../../sync/list/previous.ts";
import { startSchedule } from "../../sync/run/schedule.ts";
import { summaryFields } from "../../sync/run/summary.ts";
import { startWake } from "../../sync/run/wake.ts";
import { createTurns } from "../../sync/run/turns.ts";
import { notesOf, readRawNotes } from "../files/sync-notes.ts";
import { exit } from "../ops/exit.ts";
import { holdHangups } from "../ops/hangup.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { CanaryWatch, lookEvery } from "../compose/canaries.ts";
import { addNews, loadPlan, lookAtCanaries, pushedAlone, pushedFiles, runDry, runFull } from "../compose/sync-run.ts";
import type { SyncPlan, RunWords } from "../compose/sync-run.ts";
import { exitCode, noteIdle, outcomeLine } from "../compose/sync-words.ts";

interface Words extends RunWords {
  readonly config: string;
  readonly now?: true;
  readonly delta?: true;
}

/** How long a run may take to end after SIGTERM, in ms; SQLite's own work cannot be interrupted. */
const stopDeadline = 10_000;

/** Builds the verb. */
export function syncCommand(): Command {
  const once = ["cron", "now", "delta"];
  return new Command("sync")
    .description("Read the directories and replace the snapshot")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--cron", "keep running and follow [sync] schedule")
    .addOption(
      new Option("--now", "ask the running `sync --cron` for one sync now, and wait for it").conflicts([
        "cron",
        "delta",
      ]),
    )
    .addOption(new Option("--delta", "incremental sync: only add what is new since the last sync").conflicts("cron"))
    .addOption(new Option("--dry-run", "print what would be added and removed; publish nothing").conflicts(once))
    .addOption(new Option("--json", "with --dry-run: print one JSON object, with every value that gives no address"))
    .addOption(
      new Option("--accept-shrink", "publish even if the list shrank by more than the guards allow").conflicts(once),
    )
    .addOption(new Option("--accept-growth", "publish even if the list grew by more than max_growth").conflicts(once))
    .addOption(
      new Option(
        "--accept-traffic-loss",
        "publish even if the list would refuse recipients that got mail recently",
      ).conflicts(once),
    )
    .addOption(new Option("--accept-missing", "publish even if a source has never been read").conflicts(once))
    .addHelpText(
      "after",
      "\nExit status: 0 published, or nothing has changed, 65 a guard refused the list, or the snapshot is on hold,\n  69 no `sync --cron` runs (--now), 75 try again, 78 configuration error",
    )
    .action((words: Words) =>
      words.cron === true ? runByCron(words) : words.now === true ? askForOne(words) : runOnce(words),
    );
}

async function runOnce(words: Words): Promise<void> {
  const plan = loadPlan(words.config);
  if (plan === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const wrong = usageFault(plan, words);
  if (wrong !== undefined) {
    process.stderr.write(`goodmailto: ${wrong}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const controller = new AbortController();
  const stop = (signal: string): void => controller.abort(new Error(`Stopped by ${signal}`));
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const { outcome, text } = await runAsAsked(plan, words, controller.signal);
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
  process.stdout.write(text);
  process.exitCode = exitCode(outcome);
}

function usageFault({ sources, settings }: SyncPlan, { delta, json, dryRun }: Words): string | undefined {
  if (json === true && dryRun !== true) {
    return "--json needs --dry-run";
  }
  if (delta !== true || (sources.some(hasDeltas) && settings.sync.delta > 0)) {
    return undefined;
  }
  return sources.some(hasDeltas)
    ? "--delta needs `[sync] delta`: without it, full syncs do not note up to where changes are known"
    : "--delta needs a source that reports changes, and no [[source]] does: " +
        "a server whose preset has no change attribute, an LDIF file and a list cannot (docs/directories.md). Run a full sync";
}

async function runAsAsked(
  plan: SyncPlan,
  words: Words,
  signal: AbortSignal,
): Promise<{ readonly outcome: DeltaOutcome; readonly text: string }> {
  const log = createLog(plan.settings.log);
  noteIdle(plan.settings.sync, log);
  if (words.dryRun === true) {
    return runDry(plan, log, signal, words);
  }
  const outcome = await (words.delta === true ? addNews(plan, log, signal) : runFull(plan, log, signal, words));
  return { outcome, text: outcomeLine(outcome) };
}

/** Without a source that has incremental syncs there is nothing to ask for. */
function changeNews(news: News, { settings, sources }: SyncPlan, log: Log): void {
  const isWanted = settings.sync.delta > 0;
  if (isWanted && !sources.some(hasDeltas)) {
    log.warning("sync", "[sync] delta has no effect: no source reports changes");
  }
  news.change(sources.some(hasDeltas) ? settings.sync.delta : 0);
}

async function askForOne({ config }: Words): Promise<void> {
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const answer = await askNow(settings.snapshot.path, 2 * runDeadline);
  const { code, text } = answer ?? {
    code: exit.unavailable,
    text:
      "goodmailto: no `sync --cron` is there to be asked. Where goodmailto-sync.timer runs the syncs, start one with " +
      "`systemctl start goodmailto-sync`\n",
  };
  process[code === exit.ok ? "stdout" : "stderr"].write(text);
  process.exitCode = code;
}

async function runByCron(words: Words): Promise<void> {
  const onHangup = holdHangups();
  const first = loadPlan(words.config);
  if (first === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const log = createLog(first.settings.log);
  // Before the first run: SQLite's work is synchronous, and a signal without a handler would kill in the middle of it.
  const stopped = new Promise<string>((resolve) => process.once("SIGTERM", resolve).once("SIGINT", resolve));
  const cron = startCron(first, words.config, log);
  onHangup(cron.reload);
  const signal = await stopped;
  onHangup(() => undefined);
  const clean = await cron.stop(signal);
  log.info("sync", "stopped", { signal, clean });
  if (!clean) {
    // A source that neither heeds the signal nor ends would keep the process for ever.
    process.exit(exit.temporary);
  }
}

/** When the list was made, or found to be that of the sources; undefined if there is none. */
function lookedAt(path: string): number | undefined {
  const created = createdAt(path);
  const { last } = notesOf(readRawNotes(path));
  return created === undefined || last?.result !== "published" ? created : Math.max(created, last.at);
}

/** Runs by schedule, when asked to, and for changes. */
function startCron(first: SyncPlan, file: string, log: Log) {
  let plan = first;
  const controller = new AbortController();
  const runs = createRuns(() => plan, log, controller.signal);
  const stopAnswering = answerNow(plan.settings.snapshot.path, log, runs.asked);
  const watch = watchRuns(runs, log);
  watch.change(plan);
  const schedule = startSchedule({
    timing: plan.settings.sync,
    created: () => lookedAt(plan.settings.snapshot.path),
    now: Date.now,
    log,
    run: async () => void (await runs.full()),
  });
  return {
    reload(): void {
      const next = loadPlan(file);
      if (next === undefined) {
        log.error("sync", "reload failed, keeping the previous settings", { file });
        return;
      }
      plan = next;
      schedule.change(plan.settings.sync);
      watch.change(plan);
      log.info("sync", "reloaded", { file });
    },
    /** False: a run did not end in time. */
    stop(signal: string): Promise<boolean> {
      controller.abort(new Error(`Stopped by ${signal}`));
      stopAnswering();
      watch.close();
      return schedule.stop(stopDeadline);
    },
  };
}

/** Runs between the full syncs: by time, and when something was pushed. */
function watchRuns(runs: Pick<ReturnType<typeof createRuns>, "news" | "pushed" | "canaries">, log: Log) {
  const news = startNews(log, "checking for changes", runs.news);
  const canaries = startNews(log, "asking the canaries", runs.canaries);
  const wake = startWake(runs.pushed);
  return {
    change(plan: SyncPlan): void {
      changeNews(news, plan, log);
      canaries.change(lookEvery(plan.settings));
      wake.change(pushedFiles(plan));
    },
    close(): void {
      news.change(0);
      canaries.change(0);
      wake.close();
    },
  };
}

/** Full and incremental runs, never two at the same time. */
function createRuns(planNow: () => SyncPlan, log: Log, signal: AbortSignal) {
  const turns = createTurns();
  const progress: Progress = new Map();
  const watch = new CanaryWatch();
  const full = async (): Promise<SyncOutcome> => {
    const outcome = await runFull(planNow(), log, signal, { cron: true }, watch);
    if ("facts" in outcome) {
      log.info("sync", outcome.kind, summaryFields(outcome.facts));
    }
    return outcome;
  };
  const add = async (plan: SyncPlan): Promise<void> => {
    const outcome = await addNews(plan, log, signal, progress);
    if (outcome.kind === "published") {
      log.info("sync", "added new entries", summaryFields(outcome.facts));
    }
  };
  return {
    full: () => turns.take(full),
    /** For a person, who waits for the outcome. */
    asked: async () => {
      const outcome = await turns.take(full);
      return { code: exitCode(outcome), text: outcomeLine(outcome) };
    },
    canaries: () => turns.tryTake(async () => void (await lookAtCanaries(planNow(), watch, log, signal, true))),
    news: () => turns.tryTake(() => add(planNow())),
    /** Of those that are pushed: no directory is asked. */
    pushed: () => turns.take(() => add(pushedAlone(planNow()))),
  };
}
