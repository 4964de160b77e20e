/** What the journal comes to since some time: counts, as pflogsumm makes them of a log of Postfix. */
import type Database from "better-sqlite3";

import { clientNetwork } from "../mail/client-network.ts";
import { readParts } from "./search.ts";
import type { Unread } from "./search.ts";

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

/** Counts of one file, by name. */
type Counts = ReadonlyMap<string, number>;

/** Names of one file that are kept of a kind; a name beyond them is rare. */
const mostNames = 10_000;

/** Each counts something of the events since a time. */
const questions = {
  refused: `SELECT stage || ' ' || kind AS name, count(*) AS count FROM events WHERE at >= ? AND kind <> 'delivered' GROUP BY 1`,
  reasons: `SELECT "by" || coalesce(': ' || reason, '') || coalesce(' ' || code, '') AS name, count(*) AS count
    FROM events WHERE at >= ? AND kind <> 'delivered' GROUP BY 1`,
  recipients: `SELECT recipients AS name, count(*) AS count FROM events
    WHERE at >= ? AND stage = 'rcpt' AND recipients <> '' GROUP BY 1`,
  clients: `SELECT ip AS name, count(*) AS count FROM events WHERE at >= ? AND kind <> 'delivered' GROUP BY 1`,
  senders: `SELECT CASE sender WHEN '' THEN '<>' ELSE sender END AS name, count(*) AS count FROM events
    WHERE at >= ? AND kind = 'delivered' GROUP BY 1`,
  hops: `SELECT hop || ' ' || substr(said, 1, 3) || CASE stage WHEN 'message' THEN ' message' ELSE ' recipient' END AS name,
    count(*) AS count FROM events WHERE at >= ? AND hop <> '' GROUP BY 1`,
  blocked: `SELECT ip AS name, count(*) AS count FROM events
    WHERE at >= ? AND reason IN ('harvest block', 'connection rate', 'blacklisted') GROUP BY 1`,
} as const;
type Question = keyof typeof questions;

// Object.keys forgets them.
const questionNames = Object.keys(questions) as Question[];

const deliveries = `SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes,
  coalesce(sum(1 + length(recipients) - length(replace(recipients, char(10), ''))), 0) AS recipients
  FROM events WHERE at >= ? AND kind = 'delivered'`;
const times = `SELECT hop, count(*) AS messages, sum(ms) AS sum, max(ms) AS longest FROM events
  WHERE at >= ? AND stage = 'message' AND hop <> '' AND ms IS NOT NULL GROUP BY hop ORDER BY longest DESC LIMIT ${mostNames}`;

interface Delivered {
  readonly messages: number;
  readonly recipients: number;
  readonly bytes: number;
}
interface Time {
  readonly hop: string;
  readonly messages: number;
  readonly sum: number;
  readonly longest: number;
}
interface PartCounts {
  readonly counts: Readonly<Record<Question, Counts>>;
  readonly delivered: Delivered;
  readonly times: readonly Time[];
}

function countPart(database: Database.Database, since: number): PartCounts {
  const countsOf = (question: Question): Counts => {
    const query = `${questions[question]} ORDER BY count DESC LIMIT ${mostNames}`;
    const rows = database.prepare<[number], [string, number]>(query).raw().all(since);
    return new Map(rows);
  };
  return {
    counts: {
      refused: countsOf("refused"),
      reasons: countsOf("reasons"),
      recipients: countsOf("recipients"),
      clients: countsOf("clients"),
      senders: countsOf("senders"),
      hops: countsOf("hops"),
      blocked: countsOf("blocked"),
    },
    delivered: database.prepare<[number], Delivered>(deliveries).get(since) ?? { messages: 0, recipients: 0, bytes: 0 },
    times: database.prepare<[number], Time>(times).all(since),
  };
}

/**
 * Counts the events of a journal.
 * @param since ms since 1970
 * @param most names of a list
 */
export function summarise(folder: string, since: number, until: number, most: number): Summary {
  const { found, unread } = readParts(folder, since, (database) => countPart(database, since));
  const lists = Object.fromEntries(
    questionNames.map((name) => [name, topOf(added(found.map(({ counts }) => counts[name])), most)]),
  ) as Record<Question, Counted[]>;
  const networks = added(
    found.map(({ counts }) => added([...counts.blocked].map(([ip, count]) => new Map([[clientNetwork(ip), count]])))),
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
    slowest: slowest(found.flatMap((part) => part.times)).slice(0, most),
    unread,
  };
}

function added(maps: readonly Counts[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const map of maps) {
    for (const [name, count] of map) {
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

function slowest(all: readonly Time[]): HopTime[] {
  const byHop = new Map<string, Time>();
  for (const { hop, messages, sum, longest } of all) {
    const before = byHop.get(hop) ?? { hop, messages: 0, sum: 0, longest: 0 };
    byHop.set(hop, {
      hop,
      messages: before.messages + messages,
      sum: before.sum + sum,
      longest: Math.max(before.longest, longest),
    });
  }
  return [...byHop.values()]
    .map(({ hop, messages, sum, longest }) => ({ hop, messages, mean: Math.round(sum / messages), longest }))
    .toSorted((a, b) => b.mean - a.mean);
}
