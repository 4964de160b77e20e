/**
 * What relays that try a list first say of it: whether they refuse recipients that got mail lately. Then the list is taken
 * back, as `goodmailto rollback` does, to the newest kept one that has them.
 */
import type { KeyedForm } from "../../src/snapshot/keyed.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import { guardTraffic } from "../judge/traffic-guard.ts";
import { openPrevious } from "../list/previous.ts";
import type { Previous } from "../list/previous.ts";
import { unprotected } from "../publish/protect.ts";
import { readHistory } from "../remember/history.ts";
import { forgetDay } from "../remember/incident.ts";
import { readTrafficState, writeTrafficState } from "../remember/traffic-state.ts";
import { fatesOf } from "../traffic/fates.ts";
import { fetchTraffic, mergeTraffic } from "../traffic/fetch.ts";
import type { Active } from "../traffic/fetch.ts";
import type { TrafficOptions } from "../traffic/options.ts";
import { replay } from "../traffic/replay.ts";
import type { Loss } from "../traffic/replay.ts";
import type { JobOptions } from "./job.ts";
import { rollBack } from "./rollback.ts";

/** What came of it. */
export type CanaryOutcome =
  /** There is no list that could be taken back, or nobody to ask. */
  | { readonly kind: "nothing"; readonly held?: string | undefined }
  /** Nothing speaks against the list. `tried`: relays that use it, of those that could be asked. */
  | { readonly kind: "good"; readonly since: number; readonly tried: number; readonly asked: number }
  /** They refuse recipients that the list has, or that no kept list has: to go back would not help. */
  | { readonly kind: "helpless"; readonly since: number; readonly why: string }
  | { readonly kind: "taken-back"; readonly why: string }
  /** It is to be taken back, and another process is at work. */
  | { readonly kind: "busy"; readonly why: string };

/** Recipients that a sentence names. */
const mostNamed = 10;

/** Looks once. Rejects never; whatever fails is logged, and is not a word against the list. */
export async function askCanaries(options: JobOptions, signal: AbortSignal): Promise<CanaryOutcome> {
  const { path, log, traffic } = options;
  let current: Previous | undefined;
  try {
    current = openPrevious(path, 0).previous;
    const given = traffic?.places();
    if (traffic === undefined || given === undefined || current === undefined || current.held !== undefined) {
      return { kind: "nothing", held: current?.held };
    }
    const all = await fetchTraffic(given.from, log, options.now(), signal);
    const tried = all.filter(({ list }) => list === current?.since).length;
    const active = mergeTraffic(all, options.now());
    const found = await judge(current, active, options, { traffic, form: given.form, signal });
    return found ?? { kind: "good", since: current.since, tried, asked: all.length };
  } catch (error) {
    log.warning("sync", "canaries not asked", { path, why: errorMessage(error) });
    return { kind: "nothing" };
  } finally {
    current?.close();
  }
}

interface Means {
  readonly traffic: TrafficOptions;
  readonly form: KeyedForm;
  readonly signal: AbortSignal;
}

/** Undefined: nothing speaks against the list. */
async function judge(
  current: Previous,
  active: readonly Active[],
  options: JobOptions,
  means: Means,
): Promise<CanaryOutcome | undefined> {
  const { path, protection = unprotected } = options;
  const { since } = current;
  const { left, settled } = readTrafficState(path);
  const known = new Set(left.map(({ full }) => full));
  const refused = active.filter((one) => one.refused?.list === since && !known.has(one.full));
  // A person has said that this list is right.
  if (refused.length === 0 || since <= settled) {
    return undefined;
  }
  const best = bestOf(refused, current, options, means);
  if (best === undefined || best.losses.length === 0) {
    return { kind: "helpless", since, why: helplessText(refused, best !== undefined) };
  }
  if (current.mark !== protection.form?.mark) {
    return { kind: "helpless", since, why: "the snapshot uses a different HMAC secret than [snapshot] key_file" };
  }
  if (!(await isTooMuch(best, current, active, options, means))) {
    return undefined;
  }
  return takeBack(best, why(best.losses, refused), options);
}

interface Kept {
  readonly path: string;
  /** Those that it accepts, and the list that is out does not. */
  readonly losses: readonly Loss[];
  /** How many of the refused ones it accepts. */
  readonly active: number;
}

/** The newest kept list that accepts the most of them; undefined: none accepts any. */
function bestOf(
  refused: readonly Active[],
  current: Previous,
  { path }: JobOptions,
  { traffic, form }: Means,
): Kept | undefined {
  const kept = readHistory(path).lists.filter(
    (list) => list.path !== path && list.since < current.since && list.mark === current.mark,
  );
  let best: Kept | undefined;
  for (const list of kept) {
    const lists = { oldPath: list.path, newPath: path, form, hashed: current.mark !== undefined };
    const { losses, active } = replay(refused, { ...lists, recipientsOf: traffic.recipientsOf });
    if (active > (best?.active ?? 0)) {
      best = { path: list.path, losses, active };
    }
  }
  return best;
}

/** By the limits of the guard that judges before a list is published. */
async function isTooMuch(
  { path: oldPath, losses }: Kept,
  current: Previous,
  all: readonly Active[],
  { path, sources, log }: JobOptions,
  { traffic, form, signal }: Means,
): Promise<boolean> {
  const { recipientsOf, maxLoss, maxActive } = traffic;
  const lists = { oldPath, newPath: path, form, hashed: current.mark !== undefined };
  const { active, messages } = replay(all, { ...lists, recipientsOf });
  const { previous } = openPrevious(oldPath, 0);
  try {
    const fates = previous === undefined ? new Map() : await fatesOf(losses, sources, previous, log, signal);
    const judged = losses.map((loss) => ({ ...loss, fate: fates.get(loss) }));
    return (
      guardTraffic({ losses: judged, earlier: [], active, messages, changed: false, maxLoss, maxActive }).length > 0
    );
  } finally {
    previous?.close();
  }
}

function takeBack({ path: from }: Kept, words: string, options: JobOptions): CanaryOutcome {
  const { path, settings, protection = unprotected, now, log } = options;
  const outcome = rollBack({
    path,
    from,
    reason: `canary: ${words}`,
    keep: settings.keep,
    keepFor: settings.keep_for ?? 0,
    protection,
    now: now(),
    log,
  });
  if (outcome.kind !== "published") {
    return outcome.kind === "busy" ? { kind: "busy", why: words } : { kind: "helpless", since: 0, why: outcome.why };
  }
  forgetDay(path, log);
  writeTrafficState(path, { ...readTrafficState(path), settled: now() }, now());
  log.error("sync", "the canaries refuse recipients who got mail, the list is taken back", { path, from, why: words });
  return { kind: "taken-back", why: words };
}

function why(losses: readonly Loss[], refused: readonly Active[]): string {
  const counts = new Map(refused.map(({ full, refused: by }) => [full, by?.count ?? 0]));
  const all = losses.map(({ name, full, week }) => ({ name, week, count: counts.get(full) ?? 0 }));
  const sum = (of: (one: (typeof all)[number]) => number): number => all.reduce((total, one) => total + of(one), 0);
  const named = all.toSorted((one, other) => other.week - one.week).slice(0, mostNamed);
  const names = `${named.map(({ name }) => name).join(", ")}${all.length > named.length ? ", and others" : ""}`;
  const who = `${all.length} ${all.length === 1 ? "recipient" : "recipients"} who got ${sum(({ week }) => week)} messages this week`;
  return `${who} refused ${sum(({ count }) => count)} times: ${names}`;
}

function helplessText({ length }: readonly Active[], isListed: boolean): string {
  const who = `the canaries refuse ${length} ${length === 1 ? "recipient" : "recipients"} who got mail this week`;
  return isListed
    ? `${who}, though the list has them: do sync and relays have the same [domains] and [recipients]?`
    : `${who}, and no kept list has them`;
}
