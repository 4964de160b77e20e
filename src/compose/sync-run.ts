/** One run for `goodmailto sync`, full or of what is new: settings in, outcome, words and exit code out. */
import { dirname, resolve } from "node:path";

import { ownDomains, takesCatchAlls } from "../config/own-domains.ts";
import type { SourceSettings } from "../config/schema.ts";
import type { Settings } from "../config/sections.ts";
import { normalDomain } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import { noCounters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { visible } from "../report/visible.ts";
import { storePath } from "../scim/store-file.ts";
import { createDryReport } from "../../sync/run/dry-report.ts";
import { runDelta } from "../../sync/run/delta.ts";
import type { DeltaOutcome, Progress } from "../../sync/run/delta.ts";
import { runSync } from "../../sync/run/full.ts";
import type { JobOptions, SyncOutcome } from "../../sync/run/full.ts";
import type { Source } from "../../sync/source.ts";
import { openSource } from "../../sync/sources/open.ts";
import { pushAgain, pushList, pushUnchanged } from "../../sync/targets/again.ts";
import { createCanaries } from "../../sync/list/tally.ts";
import type { Canary } from "../../sync/list/tally.ts";
import { noteRun } from "../../sync/alert/alert.ts";
import { rewriteAfterOf } from "./rewrite-after.ts";
import { outcomeLine } from "./sync-words.ts";
import { CanaryWatch, lookEvery } from "./canaries.ts";
import type { CanaryOutcome } from "../../sync/run/canary.ts";
import { buildCourier } from "./next-hops.ts";
import { createResolver } from "./resolver.ts";
import { writeTextfile } from "./sync-gauges.ts";
import { readSealing } from "./sealing.ts";
import type { Sealing } from "./sealing.ts";
import { openDirectory } from "./deliverabled.ts";
import { readAskedPlaces } from "../../sync/live/asked-places.ts";
import { withSearch } from "../../sync/live/search-asked.ts";
import { silentLog } from "../report/log.ts";
import { createProgress } from "../ops/progress.ts";
import { loadSettings } from "./settings.ts";
import { askedPlaces, relayAccess, trafficOptions } from "./sync-traffic.ts";
import type { TrafficOptions } from "../../sync/traffic/options.ts";
import { version } from "../ops/version.ts";
import { errorMessage } from "../report/error-message.ts";

/** Words of the command line that change a run. */
export interface RunWords {
  readonly cron?: true;
  readonly dryRun?: true;
  /** Of a dry run. */
  readonly json?: true;
  readonly acceptShrink?: true;
  readonly acceptGrowth?: true;
  readonly acceptMissing?: true;
  readonly acceptTrafficLoss?: true;
}

/** A configuration, ready to run. */
export interface SyncPlan {
  readonly settings: Settings;
  /** The configuration file. */
  readonly file: string;
  readonly sources: readonly Source[];
  readonly sealing: Sealing;
  readonly canaries: readonly Canary[];
  readonly traffic: TrafficOptions | undefined;
}

/** Reads the configuration; undefined if it is none, which is then on stderr. */
export function loadPlan(file: string): SyncPlan | undefined {
  const settings = loadSettings(file, ["sync"]);
  if (settings === undefined) {
    return undefined;
  }
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  try {
    const takesCatchAll = takesCatchAlls(settings);
    const purpose = { increments: settings.sync.delta > 0 };
    const sources = settings.source.map((source) =>
      searched(openSource(source, domains, dirname(file), { takesCatchAll }, purpose), source, settings, file),
    );
    if (sources.length > 0) {
      return {
        settings,
        file,
        sources,
        sealing: readSealing(settings, dirname(file)),
        canaries: createCanaries(settings.sync.canaries, domains),
        traffic: trafficOptions(settings, dirname(file), domains),
      };
    }
    process.stderr.write(`${file}: there is no [[source]] to read recipients from\n`);
  } catch (error) {
    process.stderr.write(`${file}: ${errorMessage(error)}\n`);
  }
  return undefined;
}

/** A source with `changes = "search"` is asked about what clients asked for. */
function searched(source: Source, { type, changes }: SourceSettings, settings: Settings, file: string): Source {
  // Whatever is not asked for is not made: settings are, when they are first read.
  const places = type === "ldap" && changes === "search" ? askedPlaces(settings, dirname(file)) : [];
  if (places.length === 0) {
    return source;
  }
  // By the filter of the full sync: what that would not find must not come into the list.
  const searching = { ...settings, source: settings.source.map((one) => ({ ...one, live_filter: "" })) };
  return withSearch(source, {
    // Tokens may have been replaced.
    asked: (signal) => readAskedPlaces({ places, access: relayAccess(settings, dirname(file)) }, signal),
    open: () => openDirectory(searching, file, source.name, silentLog),
  });
}

function jobOptions(
  { settings, sources, canaries, sealing, traffic }: SyncPlan,
  log: Log,
  signal: AbortSignal,
): JobOptions {
  return {
    sources,
    protection: sealing.protection,
    settings: settings.sync,
    canaries,
    traffic,
    // The relay goes by that of each domain.
    grace: Math.max(settings.recipients.grace, ...ownDomains(settings).map(({ grace }) => grace)),
    rewriteAfter: rewriteAfterOf(settings),
    takesCatchAll: takesCatchAlls(settings),
    relayDomains: settings.domains.relay.map((name) => normalDomain(name) ?? name),
    path: settings.snapshot.path,
    log,
    signal,
    now: Date.now,
    version,
  };
}

/** A full sync: makes the list, pushes it, and sends alerts. First the canaries are asked about the previous one. */
export async function runFull(
  plan: SyncPlan,
  log: Log,
  signal: AbortSignal,
  words: RunWords,
  watch = new CanaryWatch(),
): Promise<SyncOutcome> {
  const { settings } = plan;
  if (lookEvery(settings) > 0) {
    await lookAtCanaries(plan, watch, log, signal, true);
  }
  const made = await runJob(plan, log, signal, words);
  const outcome = await pushAfter(made, plan, log, signal);
  // A run that was stopped says nothing about the directory.
  if (!signal.aborted) {
    await noteRun(settings, outcome, log, courierOpener(settings, log), words);
    writeTextfile(settings, log);
  }
  return outcome;
}

/** Asks the canaries once, and takes the list back if they refuse those who get mail. */
export function lookAtCanaries(
  plan: SyncPlan,
  watch: CanaryWatch,
  log: Log,
  signal: AbortSignal,
  isRoutine: boolean,
): Promise<CanaryOutcome> {
  const { settings, sealing } = plan;
  const options = jobOptions(plan, log, signal);
  return watch.look({ settings, sealing, options, openCourier: courierOpener(settings, log) }, log, signal, isRoutine);
}

/** Opens a way to the next hop, for the mails of `[alert]`. */
export function courierOpener(settings: Settings, log: Log): (hostname: string) => ReturnType<typeof buildCourier> {
  return (hostname) => {
    const domains = createDomains(settings.domains.relay, settings.domains.aliases);
    return buildCourier(settings, domains, createResolver(settings, log), log, noCounters, hostname);
  };
}

/**
 * What a full sync would do. Writes nothing, pushes nothing, sends no alerts, and does not count as a run.
 * @returns also what is to be printed
 */
export async function runDry(
  plan: SyncPlan,
  log: Log,
  signal: AbortSignal,
  words: RunWords,
): Promise<{ readonly outcome: SyncOutcome; readonly text: string }> {
  const json = words.json === true;
  const report = createDryReport(json, (text) => process.stdout.write(visibleLines(text)));
  const { tell, leave } = report;
  const outcome = await runJob(plan, log, signal, words, { dryRun: true, tell, leave });
  const rest = report.end(outcome);
  return { outcome, text: json ? rest : visibleLines(rest) + outcomeLine(outcome) };
}

function runJob(
  plan: SyncPlan,
  log: Log,
  signal: AbortSignal,
  words: RunWords,
  more: Pick<JobOptions, "dryRun" | "tell" | "leave"> = {},
): Promise<SyncOutcome> {
  const progress = words.cron === true ? undefined : createProgress(process.stderr, Date.now);
  return runSync({
    ...jobOptions(plan, log, signal),
    acceptShrink: words.acceptShrink ?? false,
    acceptGrowth: words.acceptGrowth ?? false,
    acceptMissing: words.acceptMissing ?? false,
    acceptTraffic: words.acceptTrafficLoss ?? false,
    ...more,
    ...(progress === undefined ? {} : { progress: (entries: number) => progress.update(entries) }),
  }).finally(() => progress?.end());
}

/** The files whose changes are news: what was pushed to `goodmailto scim`. */
export function pushedFiles({ settings, file }: SyncPlan): string[] {
  return settings.source.flatMap(({ type, url }) =>
    type === "scim" ? url.map((folder) => storePath(resolve(dirname(file), folder))) : [],
  );
}

/** The plan in which only such sources can tell what is new. */
export function pushedAlone(plan: SyncPlan): SyncPlan {
  const isPushed = new Set(plan.settings.source.flatMap(({ name, type }) => (type === "scim" ? [name] : [])));
  const sources = plan.sources.map(({ readChanges, ...source }) =>
    isPushed.has(source.name) && readChanges !== undefined ? { ...source, readChanges } : source,
  );
  return { ...plan, sources };
}

/** Adds what is new, and pushes it on. */
export async function addNews(
  plan: SyncPlan,
  log: Log,
  signal: AbortSignal,
  progress?: Progress,
): Promise<DeltaOutcome> {
  const outcome = await runDelta(jobOptions(plan, log, signal), progress);
  return pushAfter(outcome, plan, log, signal);
}

/** A new list goes to every target; one that stays, whatever the run came to, to those that lack it. Only a run that found it to be that of the sources looks whether they still have it. */
async function pushAfter<T extends DeltaOutcome>(
  outcome: T,
  { sealing, settings }: SyncPlan,
  log: Log,
  signal: AbortSignal,
): Promise<T> {
  const { path } = settings.snapshot;
  if (outcome.kind === "published") {
    const pushTo = outcome.facts.stays === true ? pushUnchanged : pushList;
    return { ...outcome, unpushed: await pushTo(sealing.targets, path, log, signal) };
  }
  // Who is busy carries by itself.
  if (outcome.kind !== "busy") {
    await pushAgain(sealing.targets, path, log, signal);
  }
  return outcome;
}

function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
