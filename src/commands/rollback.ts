/** `goodmailto rollback`: back to a list that is kept, until it is released. */
import { dirname } from "node:path";

import { Command } from "commander";

import { forgetDay } from "../../sync/remember/incident.ts";
import { findList, readHistory } from "../../sync/remember/history.ts";
import type { KeptList } from "../../sync/remember/history.ts";
import { rollBack } from "../../sync/run/rollback.ts";
import { pushList } from "../../sync/targets/again.ts";
import type { Settings } from "../config/sections.ts";
import { createLog } from "../log/log.ts";
import { exit } from "../ops/exit.ts";
import { readSealing } from "../compose/sealing.ts";
import type { Sealing } from "../compose/sealing.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { errorMessage } from "../report/error-message.ts";

interface Words {
  readonly config: string;
  readonly release?: true;
  readonly reason: string;
}

/** Time limit for pushing the list to every target, in ms. */
const pushDeadline = 600_000;

/** Builds the verb. */
export function rollbackCommand(): Command {
  return new Command("rollback")
    .description("Restore an earlier snapshot and put it on hold until --release")
    .argument("[list]", "a number of `goodmailto history`, a time, or a path")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--release", "let syncs replace the snapshot again")
    .option("--reason <text>", "logged by the syncs that do not replace it", "")
    .action(rollback);
}

async function rollback(word: string | undefined, words: Words): Promise<void> {
  const settings = loadSettings(words.config, ["sync"]);
  const sealing = settings === undefined ? undefined : openSealing(settings, words.config);
  if (settings === undefined || sealing === undefined) {
    process.exitCode = exit.config;
    return;
  }
  if ((word === undefined) === (words.release === undefined)) {
    fail("name a list of `goodmailto history`, or give --release", exit.usage);
    return;
  }
  const list = findList(readHistory(settings.snapshot.path), word ?? "current");
  if (typeof list === "string") {
    fail(list, exit.guard);
  } else if (words.release === true && list.held === undefined) {
    fail("the list is not on hold", exit.ok);
  } else {
    await replace(settings, sealing, list, words);
  }
}

function openSealing(settings: Settings, file: string): Sealing | undefined {
  try {
    return readSealing(settings, dirname(file));
  } catch (error) {
    process.stderr.write(`${file}: ${errorMessage(error)}\n`);
    return undefined;
  }
}

function fail(why: string, code: number): void {
  process.stderr.write(`goodmailto: ${why}\n`);
  process.exitCode = code;
}

async function replace(settings: Settings, { protection, targets }: Sealing, list: KeptList, words: Words) {
  const log = createLog(settings.log);
  const { path } = settings.snapshot;
  const outcome = rollBack({
    path,
    from: list.path,
    reason: words.release === true ? undefined : words.reason,
    keep: settings.sync.keep,
    keepFor: settings.sync.keep_for,
    protection,
    now: Date.now(),
    log,
  });
  if (outcome.kind === "busy") {
    return fail("a sync is running, try again when it is over", exit.temporary);
  }
  if (outcome.kind === "refused") {
    return fail(outcome.why, exit.guard);
  }
  forgetDay(path, log);
  const { addresses, since } = list;
  process.stdout.write(
    words.release === true
      ? `released: the next sync may replace the list of ${addresses} addresses\n`
      : `serving the list of ${new Date(since).toISOString()} again, ${addresses} addresses, until \`goodmailto rollback --release\`\n`,
  );
  const failed = await pushList(targets, path, log, AbortSignal.timeout(pushDeadline));
  process.exitCode = failed.length > 0 ? exit.temporary : exit.ok;
}
