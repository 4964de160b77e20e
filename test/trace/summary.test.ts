/** A summary from totals, beside one that reads every event by SQL: over random journals. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Database from "better-sqlite3";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { clientNetwork } from "../../src/mail/client-network.ts";
import { eventKinds, stages } from "../../src/report/event.ts";
import type { MailEvent } from "../../src/report/event.ts";
import { openPart, PartWriter } from "../../src/trace/part-file.ts";
import { currentPart, partsIn } from "../../src/trace/parts.ts";
import { searchJournal } from "../../src/trace/search.ts";
import { readWanted } from "../../src/trace/search-keys.ts";
import { summarise } from "../../src/trace/summary.ts";
import type { Counted, HopTime } from "../../src/trace/summary.ts";
import { Tally } from "../../src/trace/tally.ts";
import { deliveryOf, eventOf } from "./events.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2026, 10, 28);
const bounds = { keep: 30 * day, maxSize: 1e9 };
const never = (): void => undefined;

/** Each of these reads every event. */
const queries = {
  refused: `SELECT stage || ' ' || kind AS name, count(*) AS count FROM events WHERE at >= ? AND kind <> 'delivered' GROUP BY 1`,
  reasons: `SELECT "by" || coalesce(': ' || reason, '') || coalesce(' ' || code, '') AS name, count(*) AS count
    FROM events WHERE at >= ? AND kind <> 'delivered' GROUP BY 1`,
  recipients: `SELECT recipients AS name, count(*) AS count FROM events
    WHERE at >= ? AND stage IN ('rcpt', 'lookup') AND recipients <> '' GROUP BY 1`,
  clients: `SELECT ip AS name, count(*) AS count FROM events WHERE at >= ? AND kind <> 'delivered' GROUP BY 1`,
  senders: `SELECT CASE coalesce(sender, '') WHEN '' THEN '<>' ELSE sender END AS name, count(*) AS count FROM events
    WHERE at >= ? AND kind = 'delivered' GROUP BY 1`,
  hops: `SELECT hop || ' ' || substr(said, 1, 3) || CASE stage WHEN 'message' THEN ' message' ELSE ' recipient' END AS name,
    count(*) AS count FROM events WHERE at >= ? AND hop <> '' GROUP BY 1`,
  blocked: `SELECT ip AS name, count(*) AS count FROM events
    WHERE at >= ? AND reason IN ('harvest block', 'connection rate', 'blacklisted') GROUP BY 1`,
} as const;
type List = keyof typeof queries;
const lists = Object.keys(queries) as List[];
const deliveries = `SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes,
  coalesce(sum(1 + length(recipients) - length(replace(recipients, char(10), ''))), 0) AS recipients
  FROM events WHERE at >= ? AND kind = 'delivered'`;
const times = `SELECT hop, ms FROM events WHERE at >= ? AND stage = 'message' AND hop <> '' AND ms IS NOT NULL`;

function byQueries(folder: string, since: number) {
  const counts = Object.fromEntries(lists.map((list) => [list, new Map<string, number>()])) as Record<
    List,
    Map<string, number>
  >;
  const delivered = { messages: 0, recipients: 0, bytes: 0 };
  const ofHop = new Map<string, number[]>();
  for (const { path } of partsIn(folder)) {
    const database = new Database(path, { readonly: true });
    for (const list of lists) {
      for (const [name, count] of database.prepare<[number], [string, number]>(queries[list]).raw().all(since)) {
        const key = list === "blocked" ? clientNetwork(name) : name;
        counts[list].set(key, (counts[list].get(key) ?? 0) + count);
      }
    }
    const sums = database.prepare<[number], typeof delivered>(deliveries).get(since);
    delivered.messages += sums?.messages ?? 0;
    delivered.recipients += sums?.recipients ?? 0;
    delivered.bytes += sums?.bytes ?? 0;
    for (const { hop, ms } of database.prepare<[number], { hop: string; ms: number }>(times).all(since)) {
      ofHop.set(hop, [...(ofHop.get(hop) ?? []), ms]);
    }
    database.close();
  }
  const top = (list: List): Counted[] =>
    [...counts[list]]
      .map(([name, count]) => ({ name, count }))
      .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  const slowest = [...ofHop]
    .map(([hop, all]): HopTime => {
      const sum = all.reduce((so, ms) => so + Math.round(ms * 1000), 0);
      return { hop, messages: all.length, mean: Math.round(sum / all.length / 1000), longest: Math.max(...all) };
    })
    .toSorted((a, b) => b.mean - a.mean || (a.hop < b.hop ? -1 : 1));
  return { delivered, ...Object.fromEntries(lists.map((list) => [list, top(list)])), slowest };
}

const one = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const facts = fc.record({
  // Nearly in order, as workers write.
  at: fc.integer({ min: 0, max: 2 * day - 1 }).map((ms) => start + ms),
  kind: fc.constantFrom(...eventKinds),
  stage: fc.constantFrom(...stages),
  ip: one("", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "64:ff9b::c000:201"),
  sender: one(undefined, "", "a@sender.example", "b@sender.example"),
  recipients: fc.subarray(["x@kontor.example", "y@kontor.example", "Käthe@kontor.example"], { minLength: 1 }),
  code: one(undefined, 250, 450, 550),
  by: one("goodmailto", "hop", "dnsbl"),
  reason: one(undefined, "unknown", "harvest block", "connection rate", "blacklisted"),
  hop: one(undefined, "", "inside:25", "other:25"),
  said: one("250 ok", "550 no", "451 later"),
  bytes: one(undefined, 0, 17, 90_000),
  ms: fc.option(
    fc.integer({ min: 0, max: 3_000_000 }).map((micro) => micro / 1000),
    { nil: undefined },
  ),
});

/** As an earlier version made it. */
function makeOlder(path: string): void {
  const database = new Database(path);
  database.exec(`DROP TABLE totals; DROP TABLE hours; DROP TABLE times;
    ALTER TABLE events DROP COLUMN protocol; ALTER TABLE events DROP COLUMN asker; PRAGMA user_version = 1`);
  database.close();
}

describe("the summary of a journal", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-summary-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (events: readonly MailEvent[], at: number): string => {
    const path = currentPart(folder, bounds, at);
    const database = openPart(path, never);
    new PartWriter(database).write(events);
    database.close();
    return path;
  };

  it("is what every event comes to, since any time, with parts of earlier versions", () => {
    const property = fc.property(
      fc.array(facts, { maxLength: 60 }),
      fc.oneof(
        fc.integer({ min: -hour, max: 2 * day }),
        fc.integer({ min: 0, max: 48 }).map((hours) => hours * hour),
      ),
      fc.constantFrom(1, 7, 30),
      fc.boolean(),
      (drawn, offset, batch, hasOlder) => {
        rmSync(folder, { recursive: true, force: true });
        const events = drawn.map((more) => eventOf(more));
        for (const begins of [start, start + day]) {
          const ofDay = events.filter(({ at }) => at >= begins && (at < begins + day || begins > start));
          for (let i = 0; i < ofDay.length; i += batch) {
            write(ofDay.slice(i, i + batch), begins);
          }
        }
        const [first] = partsIn(folder);
        if (hasOlder && first !== undefined) {
          makeOlder(first.path);
          write([eventOf({ at: first.begins })], first.begins);
        }
        const since = start + offset;
        const { unread, since: from, until, ...summary } = summarise(folder, since, start + 2 * day, 1000);
        expect([unread, from, until]).toEqual([[], since, start + 2 * day]);
        expect(summary).toEqual(byQueries(folder, since));
      },
    );
    fc.assert(property, { numRuns: 25 });
  });

  it("reads no event but those of the hour in which its time begins", () => {
    const path = write([eventOf({ at: start }), eventOf({ at: start + 1000 }), eventOf({ at: start + hour })], start);
    const database = new Database(path);
    database.exec("UPDATE events SET ip = 'forged'");
    database.close();
    expect(summarise(folder, start, start + day, 10).clients).toEqual([{ name: "192.0.2.7", count: 3 }]);
    expect(summarise(folder, start + 1, start + day, 10).clients).toEqual([
      { name: "192.0.2.7", count: 1 },
      { name: "forged", count: 1 },
    ]);
  });

  it("counts a batch that is written again once", () => {
    const path = currentPart(folder, bounds, start);
    const database = openPart(path, never);
    const writer = new PartWriter(database);
    database.exec("CREATE TEMP TRIGGER full BEFORE INSERT ON times BEGIN SELECT raise(ABORT, 'disk is full'); END");
    expect(() => writer.write([eventOf(), deliveryOf()])).toThrow("disk is full");
    database.exec("DROP TRIGGER full");
    writer.write([eventOf({ at: start }), deliveryOf({ at: start })]);
    database.close();
    const { delivered, refused } = summarise(folder, start, start + day, 10);
    expect([delivered.messages, refused]).toEqual([1, [{ name: "rcpt refused", count: 1 }]]);
  });

  it("leaves a part of an earlier version as it is, and reads it", () => {
    const path = write([eventOf({ at: start, ip: "192.0.2.1" })], start);
    makeOlder(path);
    const next = write([eventOf({ at: start + 1 })], start);
    expect([path, next].map((each) => each.slice(-10, -7))).toEqual(["001", "002"]);
    const { found } = searchJournal(folder, readWanted("Nobody@kontor.example"), 0, 10);
    expect(found.map(({ ip, at }) => [ip, at])).toEqual([
      ["192.0.2.1", start],
      ["192.0.2.7", start + 1],
    ]);
  });

  it("keeps the frequent names of two hundred thousand", () => {
    const tally = new Tally();
    for (let i = 0; i < 210_000; i++) {
      const { recipients: _, ...more } = eventOf({ ip: i % 100 === 0 ? "192.0.2.1" : `client${i}` });
      tally.add({ ...more, recipients: "" });
    }
    expect(tally.counts.clients.size).toBeLessThan(120_000);
    expect(tally.counts.clients.get("192.0.2.1")).toBe(2100);
  });
});
