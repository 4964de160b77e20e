/** `goodmailto publish`: pushes the snapshot that is there to the targets again, without a sync. */
import { dirname } from "node:path";

import { Command } from "commander";

import { notePushing } from "../../sync/alert/alert.ts";
import { createdAt } from "../../sync/list/previous.ts";
import { hurry } from "../../sync/run/rollback.ts";
import { pushList } from "../../sync/targets/again.ts";
import { createTarget } from "../../sync/targets/target.ts";
import type { Target } from "../../sync/targets/target.ts";
import type { Settings } from "../config/sections.ts";
import type { Log } from "../report/log.ts";
import { readSealing } from "../compose/sealing.ts";
import { createLog } from "../log/log.ts";
import { exit } from "../ops/exit.ts";
import { courierOpener } from "../compose/sync-run.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { errorMessage } from "../report/error-message.ts";

/** Builds the verb. */
export function publishCommand(): Command {
  return new Command("publish")
    .description("Push the snapshot to the [[publish]] targets")
    .argument("[target...]", "target names (default: all)")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--now", "let relays with [snapshot] canary use it at once")
    .action(publish);
}

interface Words {
  readonly config: string;
  readonly now?: true;
}

async function publish(names: readonly string[], { config, now }: Words): Promise<void> {
  const settings = loadSettings(config, ["sync"]);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const wanted = settings.publish.filter(({ name }) => names.length === 0 || names.includes(name));
  let targets: Target[];
  try {
    targets = wanted.map((target) => createTarget(target, dirname(config)));
  } catch (error) {
    process.stderr.write(`${config}: ${errorMessage(error)}\n`);
    process.exitCode = exit.config;
    return;
  }
  const { path } = settings.snapshot;
  const isHere = now === true && names.length === 0;
  if (targets.length === 0 && !isHere) {
    process.stderr.write(`${config}: there is no such [[publish]] target\n`);
    process.exitCode = exit.config;
    return;
  }
  if (createdAt(path) === undefined) {
    process.stderr.write(`goodmailto: there is no valid snapshot at ${path}\n`);
    process.exitCode = exit.unavailable;
    return;
  }
  const log = createLog(settings.log);
  if (now === true && !markUrgent(settings, config, log)) {
    return;
  }
  const controller = new AbortController();
  const stop = (signal: string): void => controller.abort(new Error(`Stopped by ${signal}`));
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const failed = await pushList(targets, path, log, controller.signal);
  await notePushing(settings, log, courierOpener(settings, log));
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
  process.exitCode = failed.length > 0 ? exit.temporary : exit.ok;
}

/** Whether the list is marked; if not, why not is on standard error. */
function markUrgent(settings: Settings, config: string, log: Log): boolean {
  try {
    const { protection } = readSealing(settings, dirname(config));
    const { keep, keep_for: keepFor } = settings.sync;
    const outcome = hurry({ path: settings.snapshot.path, keep, keepFor, protection, now: Date.now(), log });
    if (outcome.kind === "published") {
      return true;
    }
    const why = outcome.kind === "busy" ? "a sync is running, try again when it is over" : outcome.why;
    process.stderr.write(`goodmailto: ${why}\n`);
    process.exitCode = outcome.kind === "busy" ? exit.temporary : exit.guard;
  } catch (error) {
    process.stderr.write(`${config}: ${errorMessage(error)}\n`);
    process.exitCode = exit.config;
  }
  return false;
}
