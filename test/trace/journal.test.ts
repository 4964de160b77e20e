import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createLog } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { TraceJournal } from "../../src/trace/journal.ts";
import type { JournalOptions } from "../../src/trace/journal-thread.ts";
import { addressKey } from "../../src/trace/keyed-event.ts";
import { openPart, PartWriter } from "../../src/trace/part-file.ts";
import { currentPart, partsIn, prune } from "../../src/trace/parts.ts";
import { searchJournal } from "../../src/trace/search.ts";
import { readWanted } from "../../src/trace/search-keys.ts";
import { summarise } from "../../src/trace/summary.ts";
import { skipped } from "../fakes/need.ts";
import { deliveryOf, eventOf } from "./events.ts";

const day = 86_400_000;
const cannotMount =
  spawnSync("unshare", ["-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]).status !== 0 &&
  skipped("no right to mount a tmpfs");
const never = (): void => undefined;

describe("the journal", () => {
  let folder = "";
  const open: TraceJournal[] = [];
  const lines: string[] = [];
  const metrics = createMetrics();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-trace-"));
    lines.length = 0;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((journal) => journal.close()));
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (more: Partial<JournalOptions> = {}): TraceJournal => {
    const options = { folder, keep: 30 * day, maxSize: 1e9, secret: undefined, ...more };
    const log = createLog({ format: "plain", level: "info", write: (line) => lines.push(line) });
    const journal = new TraceJournal(options, log, metrics);
    open.push(journal);
    return journal;
  };
  const find = (text: string, keyed?: (address: string) => string) =>
    searchJournal(folder, readWanted(text, keyed), 0, 1000).found;

  it("finds an event by address, client, reference, session, Message-ID and queue id, as it was noted", async () => {
    const journal = start();
    const [refused, delivered] = [eventOf(), deliveryOf({ at: eventOf().at + 5, ref: "0123456789abcdef-2" })];
    journal.note(delivered);
    journal.note(refused);
    journal.note(
      eventOf({
        session: "fffffffffffffff0",
        ref: "fffffffffffffff0",
        ip: "2001:db8::1",
        sender: "",
        recipients: ["other@kontor.example"],
      }),
    );
    await journal.close();
    for (const text of ["s@sender.example", "<S@Sender.Example>", "192.0.2.7", "0123456789abcdef"]) {
      expect(find(text), text).toEqual([refused, delivered]);
    }
    expect(find("0123456789abcdef-1")).toEqual([refused]);
    expect(find("nobody@KONTOR.example")).toEqual([refused]);
    for (const text of ["max@kontor.example", "<1@sender.example>", "1@sender.example", "4ABC"]) {
      expect(find(text), text).toEqual([delivered]);
    }
    expect(find("2001:DB8:0::1")).toHaveLength(1);
    expect(find("4abc")).toEqual([]);
    expect(find("")).toEqual([]);
  });

  it("keeps the order of what happened in one millisecond", async () => {
    const journal = start();
    const words = ["first", "second", "third"];
    words.forEach((asked) => journal.note(eventOf({ asked })));
    await journal.close();
    expect(find("192.0.2.7").map(({ asked }) => asked)).toEqual(words);
  });

  it("hashes addresses by the list's key, and leaves them out of texts", async () => {
    const secret = "ab".repeat(32);
    const journal = start({ secret });
    journal.note(eventOf({ reply: "550 5.1.1 <Nobody@kontor.example>: Nobody is unknown", asked: "TO:<x@y.example>" }));
    await journal.close();
    const [event] = find("nobody@kontor.example", addressKey(secret));
    expect(event?.recipients).toEqual([addressKey(secret)("nobody@kontor.example")]);
    expect(event?.reply).toBe("550 5.1.1 <ADDRESS>: USER is unknown");
    expect(find("nobody@kontor.example")).toEqual([]);
    expect(JSON.stringify(find("192.0.2.7"))).not.toMatch(/nobody|sender\.example|y\.example/i);
  });

  it("is shared by workers, and is readable while they write", async () => {
    const workers = [start(), start(), start()];
    for (let i = 0; i < 300; i++) {
      workers[i % 3]?.note(eventOf({ bytes: i }));
    }
    await vi.waitFor(() => expect(find("192.0.2.7")).toHaveLength(300), 20_000);
    expect(new Set(find("192.0.2.7").map(({ bytes }) => bytes)).size).toBe(300);
    expect(readdirSync(folder).filter((name) => name.endsWith(".sqlite"))).toHaveLength(1);
  });

  it("moves a damaged file aside, says so, and goes on", async () => {
    const first = start();
    first.note(eventOf());
    await first.close();
    const [part] = partsIn(folder);
    writeFileSync(part?.path ?? "", Buffer.alloc(8192, "x"));
    const second = start();
    second.note(eventOf({ ip: "192.0.2.8" }));
    await second.close();
    expect(lines.join("\n")).toMatch(
      /^trace: damaged file moved aside, starting with an empty one to=\S+\.sqlite\.damaged why=/,
    );
    expect(find("192.0.2.8")).toHaveLength(1);
  });

  it("counts what it cannot write, and says it once", async () => {
    const before = metrics.totals()["trace_lost"] ?? 0;
    const journal = start({ folder: join(folder, "file", "trace") });
    writeFileSync(join(folder, "file"), "");
    journal.note(eventOf());
    journal.note(eventOf());
    await journal.close();
    expect(metrics.totals()["trace_lost"]).toBe(before + 2);
    expect(lines.filter((line) => line.startsWith("trace: events not written"))).toEqual([
      expect.stringMatching(/events=2 why=.*ENOTDIR.* folder=/),
    ]);
  });

  it.skipIf(cannotMount)("counts what a full disk does not take, and writes again when there is room", async () => {
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]).status).toBe(0);
    try {
      const before = metrics.totals()["trace_lost"] ?? 0;
      const lost = (): number => (metrics.totals()["trace_lost"] ?? 0) - before;
      const filler = join(folder, "filler");
      writeFileSync(filler, Buffer.alloc(4_050_000));
      const journal = start();
      for (let i = 0; i < 1000; i++) {
        journal.note(eventOf());
      }
      await vi.waitFor(() => expect(lost()).toBe(1000), 20_000);
      expect(lines).toEqual([
        expect.stringMatching(/^trace: events not written events=1000 why="database or disk is full"/),
      ]);
      rmSync(filler);
      journal.note(eventOf({ ip: "192.0.2.8" }));
      await vi.waitFor(() => expect(find("192.0.2.8")).toHaveLength(1), 20_000);
      await journal.close();
      expect(lost()).toBe(1000);
    } finally {
      await Promise.all(open.splice(0).map((journal) => journal.close()));
      expect(spawnSync("umount", [folder]).status).toBe(0);
    }
  });

  it("loses what is too much at a time, and never waits", async () => {
    const before = metrics.totals()["trace_lost"] ?? 0;
    const journal = start();
    for (let i = 0; i < 30_000; i++) {
      journal.note(eventOf());
    }
    await turn();
    const lost = (metrics.totals()["trace_lost"] ?? 0) - before;
    expect(lost).toBe(30_000 - 21_000);
    expect(lines).toEqual([expect.stringMatching(/^trace: events not written events=1 why="too many events wait"/)]);
  });

  it("goes by the day, and by its size, the oldest first, without touching the file of today", () => {
    const bounds = { keep: 2 * day, maxSize: 400_000 };
    const now = Date.UTC(2026, 10, 28, 12);
    for (const at of [now - 4 * day, now - 3 * day, now - 2 * day, now - day, now]) {
      const database = openPart(currentPart(folder, bounds, at), never);
      new PartWriter(database).write(Array.from({ length: 300 }, () => eventOf({ at })));
      database.close();
    }
    const today = currentPart(folder, bounds, now);
    expect(today).toMatch(/trace-2026-11-28-002\.sqlite$/);
    prune(folder, { ...bounds, maxSize: 1e9 }, now, today);
    expect(partsIn(folder).map(({ begins }) => new Date(begins).getUTCDate())).toEqual([26, 27, 28]);
    prune(folder, { ...bounds, maxSize: 100_000 }, now, partsIn(folder).at(-1)?.path ?? "");
    expect(partsIn(folder).map(({ begins }) => new Date(begins).getUTCDate())).toEqual([28]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it("names a part that cannot be read, and reads the others", () => {
    const bounds = { keep: day, maxSize: 1e9 };
    for (const at of [eventOf().at - day, eventOf().at]) {
      const database = openPart(currentPart(folder, bounds, at), never);
      new PartWriter(database).write([eventOf({ at })]);
      database.close();
    }
    const [bad] = partsIn(folder);
    truncateSync(bad?.path ?? "", 100);
    const { found, unread } = searchJournal(folder, readWanted("192.0.2.7"), 0, 10);
    expect(found).toHaveLength(1);
    expect(unread).toEqual([{ path: bad?.path, why: expect.stringMatching(/malformed|not a database/) }]);
  });

  it("never takes another program's file", async () => {
    const path = currentPart(folder, { keep: day, maxSize: 1e9 }, Date.now());
    const other = new Database(path);
    other.exec("CREATE TABLE precious (x); INSERT INTO precious VALUES (1)");
    other.close();
    copyFileSync(path, `${path}.copy`);
    const journal = start();
    journal.note(eventOf());
    await journal.close();
    expect(lines.join("\n")).toMatch(/Cannot use journal file .* another program's/);
    expect(existsSync(`${path}.damaged`)).toBe(false);
  });

  it("counts by stage, reason, recipient, client, hop and time", () => {
    const at = eventOf().at;
    const database = openPart(currentPart(folder, { keep: day, maxSize: 1e9 }, at), never);
    new PartWriter(database).write([
      eventOf(),
      eventOf({ ip: "192.0.2.8" }),
      eventOf({ stage: "connection", reason: "harvest block", recipients: [], sender: undefined, code: 421 }),
      eventOf({ kind: "dropped", stage: "connection", code: undefined, recipients: [], reason: undefined, by: "spp" }),
      eventOf({ by: "hop", reason: undefined, hop: "inside.example:25", said: "550 5.2.2 full" }),
      deliveryOf(),
      deliveryOf({ ms: 80, sender: "" }),
      eventOf({ at: at - 2000 }),
    ]);
    database.close();
    const { unread, ...summary } = summarise(folder, at - 1000, at, 10);
    expect(unread).toEqual([]);
    expect(summary).toEqual({
      since: at - 1000,
      until: at,
      delivered: { messages: 2, recipients: 4, bytes: 2000 },
      refused: [
        { name: "rcpt refused", count: 3 },
        { name: "connection dropped", count: 1 },
        { name: "connection refused", count: 1 },
      ],
      reasons: [
        { name: "goodmailto: unknown 550", count: 2 },
        { name: "goodmailto: harvest block 421", count: 1 },
        { name: "hop 550", count: 1 },
        { name: "spp", count: 1 },
      ],
      recipients: [{ name: "Nobody@kontor.example", count: 3 }],
      clients: [
        { name: "192.0.2.7", count: 4 },
        { name: "192.0.2.8", count: 1 },
      ],
      senders: [
        { name: "<>", count: 1 },
        { name: "s@sender.example", count: 1 },
      ],
      hops: [
        { name: "inside.example:25 250 message", count: 2 },
        { name: "inside.example:25 550 recipient", count: 1 },
      ],
      blocked: [{ name: "192.0.2.7", count: 1 }],
      slowest: [{ hop: "inside.example:25", messages: 2, mean: 60, longest: 80 }],
    });
  });
});
