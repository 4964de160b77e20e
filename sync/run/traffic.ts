/** The guard by traffic in a run: reads what relays remember, asks both lists and the directories, and takes note. */
import { dayLength } from "../../src/traffic/record.ts";
import type { KeyedForm } from "../../src/snapshot/keyed.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { guardTraffic } from "../judge/traffic-guard.ts";
import type { Previous } from "../list/previous.ts";
import { unprotected } from "../publish/protect.ts";
import { readTrafficState, writeTrafficState } from "../remember/traffic-state.ts";
import type { LeftRecipient, TrafficState } from "../remember/traffic-state.ts";
import { fatesOf } from "../traffic/fates.ts";
import { fetchTraffic, mergeTraffic } from "../traffic/fetch.ts";
import type { Active } from "../traffic/fetch.ts";
import type { TrafficOptions } from "../traffic/options.ts";
import { replay } from "../traffic/replay.ts";
import type { Loss, Replayed } from "../traffic/replay.ts";
import type { JobOptions } from "./job.ts";

/** What came of it. */
export interface TrafficJudgement {
  /** Reasons against publishing. */
  readonly reasons: readonly string[];
  /** To be called when the list is published. */
  readonly published: () => void;
}

/** Recipients that a log line names. */
const mostNamed = 20;

/** Judges a list that is built. Rejects never: a guard that cannot look does not hold lists for ever. */
export async function judgeTraffic(
  newPath: string,
  previous: Previous | undefined,
  options: JobOptions,
  signal: AbortSignal,
): Promise<TrafficJudgement> {
  const { traffic, path, log } = options;
  if (traffic === undefined) {
    return { reasons: [], published: () => undefined };
  }
  const state = readTrafficState(path);
  try {
    const found = await look(newPath, previous, options, traffic, signal);
    if (found !== undefined) {
      return judgeFound(found, state, options, traffic);
    }
  } catch (error) {
    log.warning("sync", "traffic not asked, its guard does not look", { why: errorMessage(error) });
  }
  return { reasons: [], published: () => note({ ...state, settings: traffic.settings }, options) };
}

interface Found extends Replayed {
  readonly fates: Awaited<ReturnType<typeof fatesOf>>;
}

async function look(
  newPath: string,
  previous: Previous | undefined,
  options: JobOptions,
  { recipientsOf }: TrafficOptions,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const { protection = unprotected, sources, log } = options;
  const read = await readActive(options, signal);
  // Lists under different keys have nothing to compare.
  if (previous === undefined || read === undefined || previous.mark !== protection.form?.mark) {
    return undefined;
  }
  const { active, form } = read;
  const hashed = previous.mark !== undefined;
  const replayed = replay(active, { oldPath: previous.path, newPath, form, hashed, recipientsOf });
  return { ...replayed, fates: await fatesOf(replayed.losses, sources, previous, log, signal) };
}

/** Everybody who got mail, by all relays; undefined: no relay has said anything. @throws Error without a secret */
export async function readActive(
  { traffic, log, now }: Pick<JobOptions, "traffic" | "log" | "now">,
  signal: AbortSignal,
): Promise<{ readonly active: readonly Active[]; readonly form: KeyedForm } | undefined> {
  const given = traffic?.places();
  if (given === undefined) {
    return undefined;
  }
  const all = await fetchTraffic(given.from, log, now(), signal);
  return all.length === 0 ? undefined : { active: mergeTraffic(all, now()), form: given.form };
}

function judgeFound(
  { losses, accepted, active, messages, fates }: Found,
  state: TrafficState,
  options: JobOptions,
  { settings, maxLoss, maxActive }: TrafficOptions,
): TrafficJudgement {
  const { log, acceptTraffic = false, now } = options;
  const judged = losses.map((loss) => ({ ...loss, fate: fates.get(loss) }));
  // Who came back is nobody's loss any more.
  const left = state.left.filter(({ full }) => !accepted.has(full));
  const earlier = left.filter(({ at, told }) => !told && at > now() - dayLength);
  const changed = state.settings !== "" && state.settings !== settings;
  const reasons = acceptTraffic
    ? []
    : guardTraffic({ ...{ losses: judged, earlier, active, messages, changed, maxLoss, maxActive } });
  const published = (): void => {
    tell(losses, log);
    const more = judged.map(({ full, name, week, fate }): LeftRecipient => ({
      ...{ full, name, week, at: now() },
      told: acceptTraffic || fate !== undefined,
    }));
    const isNew = new Set(more.map(({ full }) => full));
    const all = [...left.filter(({ full }) => !isNew.has(full)), ...more];
    note({ settings, left: all, settled: acceptTraffic ? now() : state.settled }, options);
  };
  return { reasons, published };
}

function tell(losses: readonly Loss[], log: Log): void {
  if (losses.length > 0) {
    const names = losses.slice(0, mostNamed).map(({ name }) => name);
    const messages = losses.reduce((sum, { week }) => sum + week, 0);
    const fields = { recipients: losses.length, messages, names: names.join(" ") };
    log.warning("sync", "the list refuses recipients who got mail", fields);
  }
}

function note(state: TrafficState, { path, log, now }: JobOptions): void {
  try {
    writeTrafficState(path, state, now());
  } catch (error) {
    log.error("sync", "cannot remember whom the list refuses", { path, why: errorMessage(error) });
  }
}
