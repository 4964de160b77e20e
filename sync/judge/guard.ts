/**
 * Whether a new list may replace the old one. A directory that answers "success" with half its entries cannot be
 * distinguished from one that shrank, nor a wrong filter from one that grew; so a list that is empty, lost much, grew
 * out of measure or lacks an address that must be there is not published unless a person says so.
 */
import { isCatchAll } from "../../src/mail/wildcards.ts";
import type { Counts } from "../list/tally.ts";
import type { DayCount } from "../remember/day.ts";

/** What is accepted. A limit that is not given does not apply. */
export interface GuardLimits {
  /** Largest loss of the whole and of a source, 0.1 for 10 %. */
  readonly maxShrink: number;
  /** Of one domain. */
  readonly maxShrinkDomain?: number;
  /** Of one kind. */
  readonly maxShrinkKind?: number;
  /** A loss of fewer addresses is accepted up to half of the list. */
  readonly minShrinkNumber?: number;
  /** A loss of more addresses is never accepted; 0: no such limit. */
  readonly maxShrinkNumber?: number;
  /** How many times as large a list or a source may become. */
  readonly maxGrowth?: number;
}

/** What the guard judges by. */
export interface GuardFacts extends GuardLimits {
  /** Addresses of the whole old snapshot, those of removed sources too; undefined if there is none. */
  readonly before: number | undefined;
  readonly now: number;
  readonly sources: readonly Counts[];
  readonly domains?: readonly Counts[];
  readonly kinds?: readonly Counts[];
  /** Catch-alls that the old list has not, and those that only it has. */
  readonly opened?: readonly string[];
  readonly closed?: readonly string[];
  /** Addresses that must be in every list and are not. */
  readonly missing?: readonly string[];
  /** The largest and the smallest list of the last 24 hours; undefined: not known. */
  readonly day?: DayCount | undefined;
  /** A person has said that the loss is right. */
  readonly acceptShrink: boolean;
  /** A person has said that the growth is right. */
  readonly acceptGrowth?: boolean;
}

const advice = "If this is right, run `goodmailto sync --accept-shrink` once";
const growthAdvice = "Look at base and filter. If this is right, run `goodmailto sync --accept-growth` once";
const catchAllAdvice = "If this is right, run `goodmailto sync --accept-growth` once";
/** Catch-alls that a sentence names. */
const mostNamed = 20;
/** The half of one or two addresses is one colleague. */
const fewestForHalf = 3;
/** A small list may well grow tenfold while it is being set up. */
const fewestForGrowth = 100;

/** Reasons against publishing, each a sentence that says what to do; none: publish. */
export function guard(facts: GuardFacts): readonly string[] {
  if (facts.now === 0) {
    return ["The new list is empty. Look at base, filter and preset of the sources; an empty list is never published"];
  }
  return [
    ...(facts.missing ?? []).map(describeMissing),
    ...(facts.acceptShrink ? [] : losses(facts)),
    ...(facts.acceptGrowth === true ? [] : [...growths(facts), ...describeOpened(facts.opened ?? [])]),
  ];
}

function describeMissing(address: string): string {
  return (
    `Canary "${address}" is missing from the new list. If it has left the directory for good, remove it from ` +
    "[sync] canaries; otherwise the list is incomplete"
  );
}

function losses(facts: GuardFacts): string[] {
  const { before, now, sources, domains = [], kinds = [], maxShrink } = facts;
  const reasons = [lossOf("The whole list", { name: "", before, now }, "max_shrink", maxShrink, facts)];
  if (reasons[0] === undefined && before !== undefined) {
    const most = { name: "", before: facts.day?.most, now };
    reasons.push(lossOf("Within 24 hours the whole list", most, "max_shrink", maxShrink, facts));
  }
  for (const source of sources) {
    reasons.push(
      source.now === 0 && source.before !== 0
        ? `Source "${source.name}" gave no address at all. Look at its base, filter and preset. ${advice}`
        : lossOf(`Source "${source.name}"`, source, "max_shrink", maxShrink, facts),
    );
  }
  // Where one domain or kind is the complete list, the same loss is not reported again.
  const isTold = (part: Counts): boolean => reasons[0] !== undefined && part.before === before && part.now === now;
  for (const domain of domains.filter((part) => !isTold(part))) {
    reasons.push(lossOf(`Domain "${domain.name}"`, domain, "max_shrink_domain", facts.maxShrinkDomain ?? 1, facts));
  }
  for (const kind of kinds.filter((part) => !isTold(part))) {
    reasons.push(lossOf(`Kind "${kind.name}"`, kind, "max_shrink_kind", facts.maxShrinkKind ?? 1, facts));
  }
  reasons.push(describeClosed(facts.closed ?? []));
  return reasons.filter((reason) => reason !== undefined);
}

function describeClosed(keys: readonly string[]): string | undefined {
  return keys.length === 0
    ? undefined
    : `${nameCatchAlls(keys)} would leave the list, and whoever is not listed there would be refused. ${advice}`;
}

/** A catch-all that nobody expects opens a whole domain. */
function describeOpened(keys: readonly string[]): string[] {
  return keys.length === 0
    ? []
    : [`${nameCatchAlls(keys)} would come into the list, and every address there would be accepted. ${catchAllAdvice}`];
}

/** A hashed list has hashes, which say nothing. */
function nameCatchAlls(keys: readonly string[]): string {
  const named = keys.filter(isCatchAll).slice(0, mostNamed);
  const names = named.length === 0 ? "" : ` ${named.map((key) => `"${key}"`).join(" ")}`;
  const more = named.length > 0 && keys.length > named.length ? " and others" : "";
  return `${keys.length === 1 ? "The catch-all" : `${keys.length} catch-alls:`}${names}${more}`;
}

/** The sentence about a loss that is not accepted. */
function lossOf(
  what: string,
  { before, now }: Counts,
  setting: string,
  share: number,
  { minShrinkNumber = 0, maxShrinkNumber = 0 }: GuardLimits,
): string | undefined {
  const lost = (before ?? 0) - now;
  if (before === undefined || lost <= 0) {
    return undefined;
  }
  const sentence = (limit: string): string =>
    `${what} lost ${lost} of ${before} addresses (${percent(lost / before)}, ${limit}). ${advice}`;
  const isLarge = lost >= minShrinkNumber || (lost >= fewestForHalf && lost * 2 > before);
  if (lost > before * share && (share === 0 || isLarge)) {
    return sentence(`${setting} is ${percent(share)}`);
  }
  return maxShrinkNumber > 0 && lost > maxShrinkNumber
    ? sentence(`max_shrink_number is ${maxShrinkNumber}`)
    : undefined;
}

function growths({ before, now, sources, day, maxGrowth = Number.POSITIVE_INFINITY }: GuardFacts): string[] {
  const slow =
    before !== undefined && day !== undefined && day.least < before
      ? [{ what: "Within 24 hours the whole list", before: day.least, now }]
      : [];
  return [
    { what: "The whole list", before, now },
    ...slow,
    ...sources.map((one) => ({ what: `Source "${one.name}"`, ...one })),
  ]
    .filter(({ before = 0, now }) => before > 0 && now > before * maxGrowth && now - before >= fewestForGrowth)
    .map(
      ({ what, before, now }) =>
        `${what} grew from ${before} to ${now} addresses (max_growth is ${maxGrowth}x). ${growthAdvice}`,
    );
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}
