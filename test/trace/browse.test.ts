/** The journal page by page: every event once, newest first, whatever is searched for, and never long at a time. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { MailEvent } from "../../src/report/event.ts";
import { browseJournal } from "../../src/trace/browse.ts";
import type { Browsed, Browsing } from "../../src/trace/browse.ts";
import { finishPart, idsWith, openPart, PartWriter, readPart } from "../../src/trace/part-file.ts";
import { currentPart, partsIn } from "../../src/trace/parts.ts";
import { readWanted } from "../../src/trace/search-keys.ts";
import { deliveryOf, eventOf } from "./events.ts";

const day = 86_400_000;
const noon = Date.UTC(2026, 10, 28, 12);
const hot = "192.0.2.7";
const rows = 9000;

const all = { wanted: undefined, kind: undefined, since: 0, until: Number.MAX_SAFE_INTEGER, from: undefined };

describe("the journal as somebody leafs through it", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-browse-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const write = (into: string, at: number, events: readonly MailEvent[]): void => {
    const database = openPart(currentPart(into, { keep: day, maxSize: 1e12 }, at), () => undefined);
    new PartWriter(database).write(events);
    finishPart(database);
  };
  // Two days before, two events; today many: of one client, every third a delivery.
  beforeAll(() => {
    write(folder, noon - 2 * day, [eventOf({ at: noon - 2 * day, ip: hot }), deliveryOf({ at: noon - 2 * day + 1 })]);
    const today = Array.from({ length: rows }, (_, i): MailEvent => {
      const facts = { at: noon + i, ip: hot, session: i.toString(32).padStart(16, "0") };
      return i % 3 === 0 ? deliveryOf(facts) : eventOf({ ...facts, recipients: [`user${i}@kontor.example`] });
    });
    write(folder, noon, today);
  });

  /** Page after page to the end. */
  function leaf(more: Partial<Browsing>, limit = 4000, patience = 60_000): Browsed[] {
    const pages: Browsed[] = [];
    for (let from: string | undefined; pages.length < 100;) {
      const page = browseJournal(folder, { ...all, ...more, from, limit, patience });
      pages.push(page);
      from = page.next;
      if (from === undefined) {
        return pages;
      }
    }
    throw new Error("it has no end");
  }
  const timesOf = (pages: readonly Browsed[]): number[] => pages.flatMap(({ events }) => events.map(({ at }) => at));
  const isFalling = (times: readonly number[]): boolean => times.every((at, i) => i === 0 || at < (times[i - 1] ?? 0));

  it("shows every event once, the newest first, over days", () => {
    const pages = leaf({});
    const times = timesOf(pages);
    expect(times).toHaveLength(rows + 2);
    expect(isFalling(times)).toBe(true);
    expect(pages.map(({ events }) => events.length)).toEqual([4000, 4000, 1002]);
    expect(pages.every(({ isCut }) => !isCut)).toBe(true);
  });

  it("finds by client, kind and time, and combines them", () => {
    const wanted = readWanted(hot);
    expect(timesOf(leaf({ wanted }))).toHaveLength(rows + 2);
    expect(timesOf(leaf({ kind: "delivered" }))).toHaveLength(rows / 3 + 1);
    expect(timesOf(leaf({ wanted, kind: "delivered" }))).toEqual(timesOf(leaf({ kind: "delivered" })));
    expect(timesOf(leaf({ since: noon + 10, until: noon + 20 }))).toHaveLength(11);
    expect(timesOf(leaf({ wanted, since: noon + 10, until: noon + 20 }))).toHaveLength(11);
    expect(timesOf(leaf({ until: noon - day }))).toHaveLength(2);
    expect(timesOf(leaf({ wanted: readWanted("USER7@kontor.example") }))).toEqual([noon + 7]);
    expect(timesOf(leaf({ kind: "dropped" }))).toEqual([]);
  });

  it("stops when its time is over, says where to go on, and loses nothing", () => {
    for (const [more, count] of [
      [{}, rows + 2],
      [{ wanted: readWanted(hot) }, rows + 2],
      [{ kind: "delivered" }, rows / 3 + 1],
      [{ kind: "dropped" }, 0],
      [{ wanted: readWanted(hot), kind: "dropped" }, 0],
    ] as const) {
      const pages = leaf(more, 1_000_000, 0);
      const times = timesOf(pages);
      expect(times).toHaveLength(count);
      expect(isFalling(times)).toBe(true);
      // Nothing that a page reads without a look at the clock grows with the journal.
      expect(pages.length).toBeGreaterThan(3);
      expect(pages.slice(0, -1).every(({ isCut }) => isCut)).toBe(true);
    }
  });

  it("reads keys in their order, without sorting what it does not show", () => {
    const [, today] = partsIn(folder);
    const database = readPart(today?.path ?? "");
    try {
      const { keys } = readWanted(hot);
      const first = idsWith(database, keys, 1e12, 5);
      expect(first).toEqual([rows, rows - 1, rows - 2, rows - 3, rows - 4]);
      expect(idsWith(database, [...keys, ...keys], rows - 3, 2)).toEqual([rows - 4, rows - 5]);
      const sql = "SELECT event FROM keys WHERE key = 1 AND event < 2 ORDER BY event DESC LIMIT 3";
      const plan = database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all();
      expect(plan.map(({ detail }) => detail)).toEqual(["SEARCH keys USING PRIMARY KEY (key=? AND event<?)"]);
    } finally {
      database.close();
    }
  });

  it("begins at the newest where the place is nonsense, or of a day that is gone", () => {
    for (const from of ["", "x", "2026-11-28", "2026-99-99.1.5", "2026-11-28.1.-5", "9999-01-01.1.5", "'; DROP"]) {
      const { events } = browseJournal(folder, { ...all, from, limit: 1, patience: 1000 });
      expect(events[0]?.at, from).toBe(noon + rows - 1);
    }
    expect(browseJournal(folder, { ...all, from: "2000-01-01.1.5", limit: 1, patience: 1000 }).events).toEqual([]);
    expect(browseJournal(folder, { ...all, from: "2026-11-28.1.1", limit: 5, patience: 1000 }).events).toHaveLength(2);
  });

  it("leaves out a part that cannot be read, and says so", () => {
    const broken = mkdtempSync(join(tmpdir(), "goodmailto-browse-"));
    try {
      write(broken, noon, [eventOf({ at: noon })]);
      writeFileSync(join(broken, "trace-2026-11-27-001.sqlite"), "no journal");
      const { events, unread } = browseJournal(broken, { ...all, limit: 9, patience: 1000 });
      expect(events).toHaveLength(1);
      expect(unread).toMatchObject([{ path: expect.stringContaining("2026-11-27") as string }]);
      expect(browseJournal(join(broken, "nowhere"), { ...all, limit: 9, patience: 1000 }).events).toEqual([]);
    } finally {
      rmSync(broken, { recursive: true });
    }
  });
});
