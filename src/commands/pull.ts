/** `goodmailto pull`: fetches the snapshot into the DMZ, once or by schedule. The relay itself never does. */
import { dirname } from "node:path";

import { Command } from "commander";

import { acquireLock } from "../../sync/list/lock.ts";
import type { Lock } from "../../sync/list/lock.ts";
import { createdAt } from "../../sync/list/previous.ts";
import { startSchedule } from "../../sync/run/schedule.ts";
import { parsePlace } from "../config/place.ts";
import type { Place } from "../config/place.ts";
import type { Settings } from "../config/sections.ts";
import type { Log } from "../report/log.ts";
import { createLog } from "../log/log.ts";
import { pull } from "../pull/pull.ts";
import type { Pulled } from "../pull/pull.ts";
import { notePull, pullStatePath } from "../pull/state.ts";
import { readAccess } from "../transfer/access.ts";
import { exit } from "../ops/exit.ts";
import { holdHangups } from "../ops/hangup.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { trustOf } from "../compose/trust.ts";
import { errorMessage } from "../report/error-message.ts";

/** How long a run may take to end after SIGTERM, in ms. */
const stopDeadline = 10_000;

/** Builds the verb. */
export function pullCommand(): Command {
  return new Command("pull")
    .description("Download the snapshot named in [snapshot] pull")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--cron", "keep running and follow [pull] schedule")
    .action(({ config, cron }: { config: string; cron?: true }) =>
      cron === true ? runByCron(config) : runOnce(config),
    );
}

/** Loads what a pull needs; every error is on stderr. */
function load(config: string): Settings | undefined {
  const settings = loadSettings(config, []);
  if (settings !== undefined && settings.snapshot.pull !== "") {
    return settings;
  }
  if (settings !== undefined) {
    process.stderr.write(`${config}: [snapshot] pull names no place to fetch from\n`);
  }
  process.exitCode = exit.config;
  return undefined;
}

/** Pulls once, and remembers whether it failed. Secrets and certificates are read each time, so that new ones count. */
export async function pullOnce(settings: Settings, folder: string, log: Log, signal: AbortSignal): Promise<Pulled> {
  const { path } = settings.snapshot;
  const place = parsePlace({ ...settings.pull, url: settings.snapshot.pull });
  if (place === undefined) {
    return fail(`Cannot fetch from "${settings.snapshot.pull}"`, path, log);
  }
  let lock: Lock | undefined;
  try {
    lock = acquireLock(path);
    if (lock === undefined) {
      log.warning("pull", "another pull or sync is running", { path });
      return { kind: "failed", why: "busy" };
    }
    const pulled = await pullFrom(place, settings, folder, log, signal);
    // One that was stopped says nothing about the place.
    if (!signal.aborted) {
      notePull(pullStatePath(path), place.url.href, "why" in pulled ? pulled.why : undefined, Date.now());
    }
    return pulled;
  } catch (error) {
    return fail(errorMessage(error), path, log);
  } finally {
    lock?.release();
  }
}

/** The caller holds the lock. Rejects never. */
async function pullFrom(
  place: Place,
  settings: Settings,
  folder: string,
  log: Log,
  signal: AbortSignal,
): Promise<Pulled> {
  const { path } = settings.snapshot;
  try {
    const access = readAccess(settings.pull, folder);
    const trust = trustOf(settings);
    const { max_size: maxSize, timeout } = settings.pull;
    return await pull({ place, access, path, trust, maxSize, timeout, log, signal });
  } catch (error) {
    return fail(errorMessage(error), path, log);
  }
}

function fail(why: string, path: string, log: Log): Pulled {
  log.error("pull", "download failed, keeping the previous snapshot", { path, why });
  return { kind: "failed", why };
}

async function runOnce(config: string): Promise<void> {
  const settings = load(config);
  if (settings === undefined) {
    return;
  }
  const controller = new AbortController();
  const stop = (signal: string): void => controller.abort(new Error(`Stopped by ${signal}`));
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const { kind } = await pullOnce(settings, dirname(config), createLog(settings.log), controller.signal);
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
  const codes = { installed: exit.ok, unchanged: exit.ok, refused: exit.guard, failed: exit.temporary } as const;
  process.exitCode = codes[kind];
}

async function runByCron(config: string): Promise<void> {
  const onHangup = holdHangups();
  let settings = load(config);
  if (settings === undefined) {
    return;
  }
  const first = settings;
  const log = createLog(first.log);
  const controller = new AbortController();
  const stopped = new Promise<string>((resolve) => process.once("SIGTERM", resolve).once("SIGINT", resolve));
  const schedule = startSchedule({
    timing: first.pull,
    part: "pull",
    // What is there may be an hour old and still the newest: only the origin knows.
    created: () => (createdAt(first.snapshot.path) === undefined ? undefined : 0),
    now: Date.now,
    log,
    async run() {
      await pullOnce(settings ?? first, dirname(config), log, controller.signal);
    },
  });
  const reload = (): void => {
    const next = load(config);
    log[next === undefined ? "error" : "info"]("pull", next === undefined ? "reload failed" : "reloaded", { config });
    settings = next ?? settings;
    schedule.change((settings ?? first).pull);
  };
  onHangup(reload);
  const signal = await stopped;
  onHangup(() => undefined);
  controller.abort(new Error(`Stopped by ${signal}`));
  const clean = await schedule.stop(stopDeadline);
  log.info("pull", "stopped", { signal, clean });
  process.exitCode = exit.ok;
}
