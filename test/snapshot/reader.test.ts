import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { sealOffset, unsealed } from "../../src/snapshot/format.ts";
import { Copies } from "../../src/snapshot/copies.ts";
import { openImage } from "../../src/snapshot/image.ts";
import { inspectBytes } from "../../src/snapshot/inspect.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { ReaderOptions, SnapshotReader } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { addresses, listSource, mailbox, memoryLog, publish, temporaryFolder } from "./fixture.ts";
import type { Line } from "./fixture.ts";

interface Bench {
  readonly path: string;
  readonly reader: SnapshotReader;
  readonly lines: Line[];
  ask(text: string): string;
}

/** A reader at a path, with what it logs. */
function openAs(path: string, options: ReaderOptions = {}): Bench {
  const log = memoryLog();
  const reader = openSnapshot(path, log, options);
  onTestFinished(() => reader.close());
  const settings = { match: "address", always: [], recipient_delimiter: "+" } as const;
  const { find } = createRecipients(reader, createDomains(["kontor.example"]), { ...settings, always: [] });
  return { path, reader, lines: log.lines, ask: (text) => find(mailbox(text)).kind };
}

async function snapshot(count = 100, prefix = "a"): Promise<string> {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  await publish(path, [listSource("list", addresses(count, prefix))]);
  return path;
}

/** Changes a file by SQL, and takes its seal away: what a program that knows no seal would write. */
function edit(path: string, sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.exec("DELETE FROM meta WHERE key = 'digest'; VACUUM");
  database.close();
}

function why({ reader }: Bench): string {
  return reader.state.kind === "unavailable" ? reader.state.why : reader.state.kind;
}

const flaws: readonly (readonly [string, string, (path: string) => void])[] = [
  ["garbage", "not a database", (path) => writeFileSync(path, "garbage ".repeat(1000))],
  ["zero bytes", "not a database", (path) => truncateSync(path, 0)],
  ["a cut header", "not a database", (path) => truncateSync(path, 50)],
  ["half a file", "torn", (path) => truncateSync(path, 8192)],
  ["another program's database", "wrong id", (path) => edit(path, "PRAGMA application_id = 1")],
  ["a later format", "wrong version", (path) => edit(path, "PRAGMA user_version = 3")],
  [
    "no recipients",
    "empty",
    (path) => edit(path, "DELETE FROM recipient; UPDATE meta SET value = '0' WHERE key = 'rows'"),
  ],
  ["a row too few", "torn", (path) => edit(path, "DELETE FROM recipient WHERE key LIKE 'a7@%'")],
  ["no meta rows", "torn", (path) => edit(path, "DELETE FROM meta")],
  ["no table", "torn", (path) => edit(path, "DROP TABLE recipient")],
  ["recipients of no source", "torn", (path) => edit(path, "DELETE FROM source")],
  ["a folder", "unreadable", (path) => (rmSync(path), mkdirSync(path))],
  ["a FIFO", "unreadable", (path) => (rmSync(path), execFileSync("mkfifo", [path]))],
  ["nothing", "missing", (path) => rmSync(path)],
];

/** Small files are served from memory; large ones, if processes share a folder, from a copy in it. */
const ways = ["from memory", "from a copy"] as const;

describe.each(ways)("the snapshot reader %s", (from) => {
  /** A reader that has every file so. */
  const open = (path: string, options: ReaderOptions = {}): Bench =>
    openAs(
      path,
      from === "from memory" ? options : { copies: new Copies(temporaryFolder()), threadAbove: 1, ...options },
    );

  it.each(flaws)("accepts every recipient where it finds %s at the start (%s)", async (_, flaw, damage) => {
    const path = await snapshot();
    damage(path);
    const bench = open(path);
    expect(why(bench)).toBe(flaw);
    expect(bench.ask("nobody@kontor.example")).toBe("unavailable");
    expect(bench.lines.map(({ level }) => level)).toEqual(["error"]);
    await bench.reader.check();
    expect(bench.ask("a1@kontor.example")).toBe("unavailable");
  });

  it("says missing where the path leads through a file", async () => {
    const bench = open(join(await snapshot(), "snapshot.sqlite"));
    expect(why(bench)).toBe("missing");
    await bench.reader.check();
    expect(why(bench)).toBe("missing");
  });

  it.each(flaws.filter(([, flaw]) => flaw !== "missing"))(
    "goes on with the good snapshot where %s (%s) comes in its place, whether renamed or written over",
    async (_, flaw, damage) => {
      for (const way of [renameSync, copyFileSync]) {
        const bench = open(await snapshot());
        const other = await snapshot(100);
        damage(other);
        if (way === copyFileSync && flaw === "unreadable") {
          continue;
        }
        if (way === renameSync && flaw === "unreadable") {
          rmSync(bench.path);
        }
        way(other, bench.path);
        await bench.reader.check();
        expect(bench.ask("a1@kontor.example")).toBe("known");
        expect(bench.ask("nobody@kontor.example")).toBe("unknown");
        expect(bench.reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining(flaw) as string });
        expect(bench.lines.at(-1)?.level).toBe("error");

        const next = await snapshot(100, "b");
        if (flaw === "unreadable") {
          rmSync(bench.path, { recursive: true });
        }
        renameSync(next, bench.path);
        await bench.reader.check();
        expect(bench.ask("b1@kontor.example")).toBe("known");
        expect(bench.ask("a1@kontor.example")).toBe("unknown");
        expect(bench.reader.state).not.toHaveProperty("alarm");
      }
    },
  );

  it("opens the relay when the snapshot is removed, and takes the next one up", async () => {
    const bench = open(await snapshot());
    expect(bench.ask("nobody@kontor.example")).toBe("unknown");
    renameSync(bench.path, `${bench.path}.away`);
    await bench.reader.check();
    expect(why(bench)).toBe("missing");
    expect(bench.ask("nobody@kontor.example")).toBe("unavailable");
    expect(bench.lines.at(-1)).toMatchObject({ level: "error", fields: { why: "missing" } });
    renameSync(`${bench.path}.away`, bench.path);
    await bench.reader.check();
    expect(bench.ask("nobody@kontor.example")).toBe("unknown");
    expect(bench.lines.at(-1)?.level).toBe("warning");
  });

  it("sees by itself within two seconds that the snapshot is removed or replaced", async () => {
    const bench = open(await snapshot());
    bench.reader.watch();
    const within = async (kind: string, text: string): Promise<void> => {
      const since = performance.now();
      await expect.poll(() => bench.ask(text), { timeout: 5000, interval: 20 }).toBe(kind);
      expect(performance.now() - since).toBeLessThan(2000);
    };
    renameSync(await snapshot(100, "b"), bench.path);
    await within("known", "b1@kontor.example");
    rmSync(bench.path);
    await within("unavailable", "b1@kontor.example");
  });

  it("inspects a large file in a thread", async () => {
    const bench = open(await snapshot(), { threadAbove: 1 });
    renameSync(await snapshot(5000, "b"), bench.path);
    await bench.reader.check();
    expect(bench.ask("b4999@kontor.example")).toBe("known");
    const torn = readFileSync(bench.path);
    torn.fill(0, 20_000, 20_010);
    writeFileSync(bench.path, torn);
    await bench.reader.check();
    expect(bench.reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining("torn") as string });
    expect(bench.ask("b4999@kontor.example")).toBe("known");
  });

  it("opens the relay at once when the snapshot is removed while another is being inspected", async () => {
    const bench = open(await snapshot(), { threadAbove: 1 });
    renameSync(await snapshot(5000, "b"), bench.path);
    const swap = bench.reader.check();
    // The file is read within this, and the thread takes longer to start; whichever it is, the answer is the same.
    await sleep(10);
    rmSync(bench.path);
    await bench.reader.check();
    expect(bench.ask("a1@kontor.example")).toBe("unavailable");
    await swap;
    expect(bench.ask("b1@kontor.example")).toBe("unavailable");
  });

  it("does not read a file again that has not changed", async () => {
    const bench = open(await snapshot());
    const { image } = bench.reader;
    await bench.reader.check();
    expect(bench.reader.image).toBe(image);
    utimesSync(bench.path, 1, 1);
    await bench.reader.check();
    expect(bench.reader.image).not.toBe(image);
    const second = bench.reader.image;
    linkSync(bench.path, `${bench.path}.1`);
    await bench.reader.check();
    expect(bench.ask("a1@kontor.example")).toBe("known");
    expect(second).toBeDefined();
  });

  it("repeats its complaint every ten minutes, and no more often", async () => {
    let now = 0;
    const bench = open(join(temporaryFolder(), "none"), { now: () => now });
    for (now = 0; now < 1_800_000; now += 60_000) {
      await bench.reader.check();
    }
    expect(bench.lines.filter(({ level }) => level === "error")).toHaveLength(3);
    const bad = open(await snapshot(), { now: () => now });
    writeFileSync(bad.path, "garbage");
    for (const end = now + 1_800_000; now < end; now += 60_000) {
      await bad.reader.check();
    }
    expect(bad.lines.filter(({ level }) => level === "error")).toHaveLength(3);
  });

  it("accepts the recipient of a look-up that throws, and reads the file again", async () => {
    const bench = open(await snapshot());
    // A closed handle throws as a broken one would.
    bench.reader.image?.close();
    expect(bench.ask("a1@kontor.example")).toBe("unavailable");
    expect(bench.ask("a1@kontor.example")).toBe("unavailable");
    expect(bench.lines.filter(({ event }) => event.startsWith("lookup failed"))).toHaveLength(1);
    await bench.reader.check();
    expect(bench.ask("nobody@kontor.example")).toBe("unknown");
  });

  it("is unavailable after it was closed", async () => {
    const bench = open(await snapshot());
    bench.reader.close();
    await bench.reader.check();
    expect(bench.ask("a1@kontor.example")).toBe("unavailable");
  });
});

describe("a torn snapshot", () => {
  it("is never good, wherever it is cut", async () => {
    const bytes = readFileSync(await snapshot(2000));
    for (let size = 0; size < bytes.length; size += 127) {
      expect(inspectBytes(bytes.subarray(0, size)), `cut at ${size}`).toBeDefined();
    }
  });

  it("is never good, wherever its rest is zeros, garbage or one other byte", async () => {
    const bytes = readFileSync(await snapshot(2000));
    expect(inspectBytes(bytes)).toBeUndefined();
    const last = bytes.findLastIndex((byte) => byte !== 0);
    for (let at = 0; at < last; at += 127) {
      const zeros = Buffer.from(bytes);
      zeros.fill(0, at);
      const garbage = Buffer.from(bytes);
      garbage.fill("garbage", at);
      const one = Buffer.from(bytes);
      one[at] = (one[at] ?? 0) ^ 1;
      for (const torn of [zeros, garbage, one]) {
        expect(inspectBytes(torn), `torn at ${at}`).toBeDefined();
      }
    }
  });

  it("never says that a listed recipient is unknown where it has no seal", async () => {
    const path = await snapshot(2000);
    const database = new Database(path);
    database.pragma("secure_delete = ON");
    database.prepare("DELETE FROM meta WHERE key = 'digest'").run();
    database.close();
    const bytes = readFileSync(path);
    expect(sealOffset(bytes)).toBe(-1);
    expect(inspectBytes(bytes)).toBeUndefined();
    expect(unsealed).toHaveLength(64);
    const bad: number[] = [];
    for (let size = 0; size < bytes.length; size += 509) {
      const torn = Buffer.from(bytes);
      torn.fill(0, size);
      const lost = (): boolean => addresses(2000).some((text) => openImage(torn).findAddress(text) === undefined);
      if (inspectBytes(torn) === undefined && lost()) {
        bad.push(size);
      }
    }
    expect(bad).toEqual([]);
  });
});
