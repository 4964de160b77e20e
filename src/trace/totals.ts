/**
 * Totals of a part by the hour, which the writer keeps with each batch: a summary reads these, and no event but those of
 * the hour in which its time begins.
 */
import type Database from "better-sqlite3";

import type { EventKind, EventStage, MailEvent } from "../report/event.ts";
import { questions, Tally } from "./tally.ts";
import type { Counts, Delivered, Question, Time } from "./tally.ts";

/** Names of a part that are read of a question; a name beyond them is rare. */
const mostNames = 10_000;
const hourLength = 3_600_000;

/**
 * The tables. The names of a question lie together, so that reading them needs no sorting; `first` and `last` are the
 * rows among which the events of an hour are.
 */
export const totalsSchema = `
  CREATE TABLE hours (
    hour INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
    messages INTEGER NOT NULL, recipients INTEGER NOT NULL, bytes INTEGER NOT NULL
  );
  CREATE TABLE totals (
    question INTEGER NOT NULL, name TEXT NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (question, name, hour)
  ) WITHOUT ROWID;
  CREATE TABLE times (
    hop TEXT NOT NULL, hour INTEGER NOT NULL, messages INTEGER NOT NULL, sum INTEGER NOT NULL, longest REAL NOT NULL,
    PRIMARY KEY (hop, hour)
  ) WITHOUT ROWID;
`;

/** What a batch adds to an hour. */
interface Hour {
  readonly tally: Tally;
  readonly first: number;
  last: number;
}

/** An event, and the row where it was written. */
export type Written = readonly [event: MailEvent, row: number];

/** Adds the events of a batch to the totals, within its transaction. */
export class TotalsWriter {
  readonly #hour: Database.Statement<number[]>;
  readonly #total: Database.Statement<[number, string, number, number]>;
  readonly #time: Database.Statement<[string, number, number, number, number]>;

  constructor(database: Database.Database) {
    this.#hour = database.prepare(
      `INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
       first = min(first, excluded.first), last = max(last, excluded.last), messages = messages + excluded.messages,
       recipients = recipients + excluded.recipients, bytes = bytes + excluded.bytes`,
    );
    this.#total = database.prepare(
      "INSERT INTO totals VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
    );
    this.#time = database.prepare(
      `INSERT INTO times VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET messages = messages + excluded.messages,
       sum = sum + excluded.sum, longest = max(longest, excluded.longest)`,
    );
  }

  /** @param batch in the order of the rows */
  write(batch: readonly Written[]): void {
    for (const [hour, { tally, first, last }] of byHour(batch)) {
      const { messages, recipients, bytes } = tally.delivered;
      this.#hour.run(hour, first, last, messages, recipients, bytes);
      questions.forEach((question, number) =>
        tally.counts[question].forEach((count, name) => this.#total.run(number, name, hour, count)),
      );
      tally.times.forEach((time, hop) => this.#time.run(hop, hour, time.messages, time.sum, time.longest));
    }
  }
}

function byHour(batch: readonly Written[]): Map<number, Hour> {
  const hours = new Map<number, Hour>();
  for (const [event, row] of batch) {
    const hour = Math.floor(event.at / hourLength);
    const open = hours.get(hour) ?? { tally: new Tally(), first: row, last: row };
    hours.set(hour, open);
    open.last = row;
    open.tally.add({ ...event, recipients: event.recipients.join("\n") });
  }
  return hours;
}

/** Counts of a part; of each question the most frequent names. */
export interface PartTotals {
  readonly counts: Readonly<Record<Question, Counts>>;
  readonly delivered: Delivered;
  readonly times: ReadonlyMap<string, Time>;
}

/** What the part has since a time: one answer for the full hours, and one for the hour in which it begins. @param since ms since 1970 */
export function readTotals(database: Database.Database, since: number): PartTotals[] {
  const from = Math.ceil(since / hourLength);
  const full = readHours(database, from);
  const begun = database
    .prepare<[number], { first: number; last: number }>("SELECT first, last FROM hours WHERE hour = ?")
    .get(from - 1);
  const end = from * hourLength;
  return begun === undefined || since === end
    ? [full]
    : [full, countEvents(database, "id BETWEEN ? AND ? AND at >= ? AND at < ?", [begun.first, begun.last, since, end])];
}

function readHours(database: Database.Database, from: number): PartTotals {
  const totals = database
    .prepare<[number, number], [string, number]>(
      `SELECT name, sum(count) AS count FROM totals WHERE question = ? AND hour >= ? GROUP BY name
       ORDER BY count DESC LIMIT ${mostNames}`,
    )
    .raw();
  const delivered = database
    .prepare<[number], Delivered>(
      `SELECT coalesce(sum(messages), 0) AS messages, coalesce(sum(recipients), 0) AS recipients,
       coalesce(sum(bytes), 0) AS bytes FROM hours WHERE hour >= ?`,
    )
    .get(from);
  const times = database
    .prepare<[number], Time & { readonly hop: string }>(
      `SELECT hop, sum(messages) AS messages, sum(sum) AS sum, max(longest) AS longest FROM times
       WHERE hour >= ? GROUP BY hop ORDER BY longest DESC LIMIT ${mostNames}`,
    )
    .all(from);
  const counts = Object.fromEntries(questions.map((name, number) => [name, new Map(totals.all(number, from))]));
  return {
    // Object.fromEntries forgets its keys.
    counts: counts as Record<Question, Counts>,
    delivered: delivered ?? { messages: 0, recipients: 0, bytes: 0 },
    times: new Map(times.map(({ hop, ...time }) => [hop, time])),
  };
}

/** In the order of the columns that are read. */
type Cells = [
  kind: EventKind,
  stage: EventStage,
  ip: string,
  sender: string | null,
  code: number | null,
  by: string,
  reason: string | null,
  hop: string | null,
  said: string | null,
  bytes: number | null,
  ms: number | null,
  recipients: string | null,
];

/** Counts events one by one: of a part without totals, since a time. */
export function countSince(database: Database.Database, since: number): PartTotals {
  return countEvents(database, "at >= ?", [since]);
}

function countEvents(database: Database.Database, which: string, values: readonly number[]): PartTotals {
  const rows = database
    .prepare<number[], Cells>(
      `SELECT kind, stage, ip, sender, code, "by", reason, hop, substr(said, 1, 3), bytes, ms, recipients
       FROM events WHERE ${which}`,
    )
    .raw();
  const tally = new Tally();
  for (const [kind, stage, ip, sender, code, by, reason, hop, said, bytes, ms, recipients] of rows.iterate(...values)) {
    tally.add({
      kind,
      stage,
      ip,
      by,
      sender: sender ?? undefined,
      code: code ?? undefined,
      reason: reason ?? undefined,
      hop: hop ?? undefined,
      said: said ?? undefined,
      bytes: bytes ?? undefined,
      ms: ms ?? undefined,
      recipients: recipients ?? "",
    });
  }
  return tally;
}
