/**
 * Whether a new list may refuse recipients that got mail. A list cannot tell a colleague who left from one who was lost;
 * the directory often can, and so can the settings: who changes a filter and loses somebody with it must be told.
 */
import type { Fate } from "../source.ts";

/** One recipient who would be refused. */
export interface JudgedLoss {
  /** The address, or its hash. */
  readonly name: string;
  /** Messages of this week. */
  readonly week: number;
  /** By the directory; undefined: nobody can tell. */
  readonly fate: Fate | undefined;
}

/** What it judges by. */
export interface TrafficFacts {
  readonly losses: readonly JudgedLoss[];
  /** Of the last 24 hours, published by earlier syncs, of which nobody could tell; they add up. */
  readonly earlier: readonly Pick<JudgedLoss, "name" | "week">[];
  /** Recipients that got mail in 60 days, and their messages of this week. */
  readonly active: number;
  readonly messages: number;
  /** What a source is asked for, or the program, changed since the last list. */
  readonly changed: boolean;
  /** `[sync] max_traffic_loss`, 0.001 for 0.1 %. */
  readonly maxLoss: number;
  /** `[sync] max_active_loss`. */
  readonly maxActive: number;
}

/** Recipients that a sentence names. */
const mostNamed = 20;
/** Of all that get mail, how many may leave at once by the word of the directory; `max_active_loss` at least. */
const leavingShare = 0.01;
const advice = "If this is right, run `goodmailto sync --accept-traffic-loss` once";

/** Reasons against publishing; none: publish. */
export function guardTraffic(facts: TrafficFacts): readonly string[] {
  const { losses, changed } = facts;
  if (losses.length === 0) {
    return [];
  }
  if (changed) {
    return [sentence(losses, "and the settings of the sources, or goodmailto, changed since the last list")];
  }
  const of = (fate: Fate | undefined): JudgedLoss[] => losses.filter((loss) => loss.fate === fate);
  return [...overlooked(of("there")), ...untold(of(undefined), facts), ...leaving(of("left"), facts)];
}

/** An entry that is as it was, and that the search does not find any more. */
function overlooked(losses: readonly JudgedLoss[]): string[] {
  return losses.length === 0 ? [] : [sentence(losses, "although their entries are in the directory, unchanged")];
}

function untold(losses: readonly JudgedLoss[], { earlier, messages, maxLoss, maxActive }: TrafficFacts): string[] {
  const known = new Set(losses.map(({ name }) => name));
  const all = losses.length === 0 ? [] : [...losses, ...earlier.filter(({ name }) => !known.has(name))];
  const share = weekOf(all) / Math.max(1, messages);
  if (all.length > maxActive) {
    return [sentence(all, `max_active_loss is ${maxActive}`, all.length > losses.length)];
  }
  return share > maxLoss
    ? [sentence(all, `${percent(share)} of all, max_traffic_loss is ${percent(maxLoss)}`, all.length > losses.length)]
    : [];
}

function leaving(losses: readonly JudgedLoss[], { active, maxActive }: TrafficFacts): string[] {
  const most = Math.max(maxActive, Math.floor(active * leavingShare));
  return losses.length > most
    ? [sentence(losses, `whose entries left the directory or were changed; more than ${most} at once`)]
    : [];
}

function weekOf(losses: readonly Pick<JudgedLoss, "week">[]): number {
  return losses.reduce((sum, { week }) => sum + week, 0);
}

function sentence(losses: readonly Pick<JudgedLoss, "name" | "week">[], why: string, isDay = false): string {
  const named = losses.toSorted((one, other) => other.week - one.week).slice(0, mostNamed);
  const names = named.map(({ name, week }) => `${name} (${week})`).join(", ");
  const more = losses.length > named.length ? ", and others" : "";
  const [count, week] = [losses.length, weekOf(losses)];
  const who = `${count} ${count === 1 ? "recipient" : "recipients"} who got ${week} ${week === 1 ? "message" : "messages"} this week`;
  return `This list${isDay ? ", with those of the last 24 hours," : ""} would have refused ${who}: ${names}${more} (${why}). ${advice}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))}%`;
}
