/**
 * Alerts about what happens too often: those of config/monitoring/goodmailto.rules.yml with the same limits, windows and
 * names, for who has no Prometheus. test/web/rate-alerts compares them with that file.
 */
import { seriesNamed, sumOf } from "../../ops/figures.ts";
import type { Totals } from "../../ops/metrics.ts";
import { bucketLabel } from "../../ops/series.ts";
import { number } from "../html/words.ts";
import type { Alert } from "./alert.ts";

/** The counters that are looked at, since the start. */
const counters = {
  silent: (totals: Totals) => sumOf(totals, "hop_replies", "code", "none"),
  deferred: (totals: Totals) => sumOf(totals, "hop_replies", "code", "4"),
  replies: (totals: Totals) => sumOf(totals, "hop_replies"),
  unknown: (totals: Totals) =>
    seriesNamed(totals, "refusals")
      .filter(({ labels }) => labels.get("check") === "goodmailto" && labels.get("reason") === "unknown")
      .reduce((all, { value }) => all + value, 0),
  turnedAway: (totals: Totals) =>
    sumOf(totals, "limits", "limit", "connections") + sumOf(totals, "limits", "limit", "descriptors"),
  lookups: (totals: Totals) => sumOf(totals, "lookups"),
  lookupFaults: (totals: Totals) => sumOf(totals, "lookup_faults"),
  restarts: (totals: Totals) => sumOf(totals, "worker_restarts"),
  recipients: (totals: Totals) => sumOf(totals, "rcpt_seconds_count"),
  inTime: (totals: Totals) =>
    seriesNamed(totals, "rcpt_seconds_bucket").find(({ labels }) => labels.get("le") === bucketLabel(limits.slow))
      ?.value ?? 0,
} as const;

/** Their values. */
export type Rates = Readonly<Record<keyof typeof counters, number>>;

/** Those of now. */
export function ratesOf(totals: Totals): Rates {
  return {
    silent: counters.silent(totals),
    deferred: counters.deferred(totals),
    replies: counters.replies(totals),
    unknown: counters.unknown(totals),
    turnedAway: counters.turnedAway(totals),
    lookups: counters.lookups(totals),
    lookupFaults: counters.lookupFaults(totals),
    restarts: counters.restarts(totals),
    recipients: counters.recipients(totals),
    inTime: counters.inTime(totals),
  };
}

/** More is worth a word. */
export const limits = {
  /** Of the replies of next hops, those that are 4xx. */
  deferred: 0.2,
  /** Unknown recipients per second, and how many times as many as on the average of a day. */
  unknown: 0.5,
  unknownTimes: 5,
  /** Of the lookups of other mail servers, those without an answer. */
  lookupFaults: 0.05,
  /** Workers that were started again. */
  restarts: 1,
  /** Seconds that a recipient waits, and the share that may wait longer. The seconds are a bound of the distribution. */
  slow: 10,
  slowShare: 0.05,
} as const;

/** What came in a time; undefined: nothing is known of it. @param from minutes before now @param to the same, and less */
export type Counted = (from: number, to: number) => Rates | undefined;

interface RateRule {
  /** In the file of rules. */
  readonly rule: string;
  readonly level: Alert["level"];
  /** Minutes of the window. */
  readonly window: number;
  /** Minutes for which it must have been so; not given: as long as the window. */
  readonly held?: number;
  readonly advice: string;
  holds(lately: Rates, day: Rates): boolean;
  what(lately: Rates): string;
}

const day = 1440;
const share = (part: number, all: number): number => (all === 0 ? 0 : part / all);

export const rateRules: readonly RateRule[] = [
  {
    rule: "GoodmailtoHopDown",
    level: "fault",
    window: 5,
    holds: ({ silent }) => silent > 0,
    what: ({ silent }) => `A next hop does not answer: ${number(silent)} times in the last 5 minutes`,
    advice: "Senders are told to try again. See Next hops.",
  },
  {
    rule: "GoodmailtoHopDefers",
    level: "warning",
    window: 15,
    holds: ({ deferred, replies }) => share(deferred, replies) > limits.deferred,
    what: ({ deferred, replies }) =>
      `${Math.round(share(deferred, replies) * 100)}% of what the next hop says is "try again later", for a quarter of an hour`,
    advice: "See Next hops, and the log of the next hop.",
  },
  {
    rule: "GoodmailtoHarvest",
    level: "warning",
    window: 10,
    holds: ({ unknown }, { unknown: usual }) =>
      unknown / 600 > limits.unknown && unknown / 600 > (limits.unknownTimes * usual) / 86_400,
    what: ({ unknown }) => `Many more unknown recipients than usual: ${number(unknown)} in the last 10 minutes`,
    advice: "Somebody tries out addresses, or the list lost some. See Journal.",
  },
  {
    rule: "GoodmailtoLimitReached",
    level: "warning",
    window: 10,
    holds: ({ turnedAway }) => turnedAway > 0,
    what: ({ turnedAway }) =>
      `${number(turnedAway)} clients were turned away in the last 10 minutes: a limit is reached`,
    advice: "See [smtp] max_connections, and the limit of descriptors.",
  },
  {
    rule: "GoodmailtoLookupsFail",
    level: "warning",
    window: 10,
    holds: ({ lookups, lookupFaults }) => share(lookupFaults, lookups) > limits.lookupFaults,
    what: ({ lookupFaults }) => `Other mail servers got no answer to ${number(lookupFaults)} lookups in 10 minutes`,
    advice: "See Look-ups, and the log.",
  },
  {
    rule: "GoodmailtoWorkersRestart",
    level: "warning",
    window: 15,
    held: 0,
    holds: ({ restarts }) => restarts > limits.restarts,
    what: ({ restarts }) => `Workers crash or hang: ${number(restarts)} were started again in the last 15 minutes`,
    advice: "The others keep serving. The log says why they ended.",
  },
  {
    rule: "GoodmailtoSlow",
    level: "warning",
    window: 10,
    holds: ({ recipients, inTime }) => share(recipients - inTime, recipients) > limits.slowShare,
    what: ({ recipients, inTime }) =>
      `${Math.round(share(recipients - inTime, recipients) * 100)}% of the recipients waited longer than ${limits.slow} seconds for their reply in the last 10 minutes`,
    advice: "See Next hops and Checks for what takes so long. Senders give up after 5 minutes.",
  },
];

/** What holds now, and has held for long enough. */
export function rateAlerts(counted: Counted): Alert[] {
  return rateRules.flatMap(({ level, window, held = window, advice, holds, what }): Alert[] => {
    const [now, before] = [0, held].map((ago) => ({
      lately: counted(ago + window, ago),
      day: counted(ago + day, ago),
    }));
    const isSo = [now, before].every(
      (at) => at?.lately !== undefined && at.day !== undefined && holds(at.lately, at.day),
    );
    return isSo && now?.lately !== undefined ? [{ level, what: what(now.lately), advice }] : [];
  });
}
