/** What the journal comes to since some time: counts, as pflogsumm makes them of a log of Postfix. */
import { clientNetwork } from "../mail/client-network.ts";
import { totalsIn } from "./part-file.ts";
import { readParts } from "./search.ts";
import type { Unread } from "./search.ts";
import { questions } from "./tally.ts";
import type { Counts, Delivered, Question, Time } from "./tally.ts";

/** How many of a kind. */
export interface Counted {
  readonly name: string;
  readonly count: number;
}

/** How long messages took at a hop, from the final dot to its answer; ms. */
export interface HopTime {
  readonly hop: string;
  readonly messages: number;
  readonly mean: number;
  readonly longest: number;
}

/** The summary. Lists are sorted, the most first. */
export interface Summary {
  /** ms since 1970. */
  readonly since: number;
  readonly until: number;
  readonly delivered: { readonly messages: number; readonly recipients: number; readonly bytes: number };
  /** By stage. */
  readonly refused: readonly Counted[];
  /** By who decided, and why. */
  readonly reasons: readonly Counted[];
  readonly recipients: readonly Counted[];
  readonly clients: readonly Counted[];
  readonly senders: readonly Counted[];
  /** What hops replied: "inside:25 550". */
  readonly hops: readonly Counted[];
  readonly blocked: readonly Counted[];
  readonly slowest: readonly HopTime[];
  readonly unread: readonly Unread[];
}

/**
 * Counts the events of a journal.
 * @param since ms since 1970
 * @param most names of a list
 */
export function summarise(folder: string, since: number, until: number, most: number): Summary {
  const { found: parts, unread } = readParts(folder, since, (database) => totalsIn(database, since));
  const found = parts.flat();
  // Object.fromEntries forgets its keys.
  const lists = Object.fromEntries(
    questions.map((name) => [name, topOf(added(found.map(({ counts }) => counts[name])), most)]),
  ) as Record<Question, Counted[]>;
  const networks = added(
    found.map(({ counts }) => [...counts.blocked].map(([ip, count]) => [clientNetwork(ip), count])),
  );
  const sum = (of: (each: Delivered) => number): number =>
    found.reduce((total, { delivered }) => total + of(delivered), 0);
  return {
    since,
    until,
    delivered: {
      messages: sum(({ messages }) => messages),
      recipients: sum(({ recipients }) => recipients),
      bytes: sum(({ bytes }) => bytes),
    },
    ...lists,
    blocked: topOf(networks, most),
    slowest: slowest(found.flatMap(({ times }) => [...times])).slice(0, most),
    unread,
  };
}

function added(all: readonly Iterable<readonly [name: string, count: number]>[]): Counts {
  const sums: Counts = new Map();
  for (const counts of all) {
    for (const [name, count] of counts) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return sums;
}

function topOf(counts: Counts, most: number): Counted[] {
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, most);
}

function slowest(all: readonly (readonly [hop: string, Time])[]): HopTime[] {
  const byHop = new Map<string, Time>();
  for (const [hop, { messages, sum, longest }] of all) {
    const before = byHop.get(hop) ?? { messages: 0, sum: 0, longest: 0 };
    byHop.set(hop, {
      messages: before.messages + messages,
      sum: before.sum + sum,
      longest: Math.max(before.longest, longest),
    });
  }
  return [...byHop]
    .map(([hop, { messages, sum, longest }]) => ({ hop, messages, mean: Math.round(sum / messages / 1000), longest }))
    .toSorted((a, b) => b.mean - a.mean || (a.hop < b.hop ? -1 : 1));
}
