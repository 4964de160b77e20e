/** `goodmailto publish`: pushes the snapshot that is there to the targets again, without a sync. */
import { dirname } from "node:path";

import { Command } from "commander";

import { notePushing } from "../../sync/alert/alert.ts";
import { createdAt } from "../../sync/list/previous.ts";
import { pushList } from "../../sync/targets/again.ts";
import { createTarget } from "../../sync/targets/target.ts";
import type { Target } from "../../sync/targets/target.ts";
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
    .action(publish);
}

async function publish(names: readonly string[], { config }: { config: string }): Promise<void> {
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
  if (targets.length === 0) {
    process.stderr.write(`${config}: there is no such [[publish]] target\n`);
    process.exitCode = exit.config;
    return;
  }
  const { path } = settings.snapshot;
  if (createdAt(path) === undefined) {
    process.stderr.write(`goodmailto: there is no valid snapshot at ${path}\n`);
    process.exitCode = exit.unavailable;
    return;
  }
  const controller = new AbortController();
  const stop = (signal: string): void => controller.abort(new Error(`Stopped by ${signal}`));
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const log = createLog(settings.log);
  const failed = await pushList(targets, path, log, controller.signal);
  await notePushing(settings, log, courierOpener(settings, log));
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
  process.exitCode = failed.length > 0 ? exit.temporary : exit.ok;
}
