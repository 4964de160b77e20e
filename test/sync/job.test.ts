import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import Database from "better-sqlite3";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { silentLog } from "../../src/report/log.ts";
import { kinds } from "../../src/snapshot/format.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { SnapshotReader } from "../../src/snapshot/reader.ts";
import { acquireLock } from "../../sync/list/lock.ts";
import { judgeSeal } from "../../sync/list/seal.ts";
import { addresses, found, listSource, memoryLog, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";

function target(): string {
  return join(temporaryFolder(), "snapshot.sqlite");
}

/** Opens, asks, closes. */
function look<T>(path: string, ask: (reader: SnapshotReader) => T): T {
  const reader = openSnapshot(path, silentLog);
  try {
    return ask(reader);
  } finally {
    reader.close();
  }
}

function has(path: string, address: string): boolean {
  return look(path, ({ image }) => image?.findAddress(address) !== undefined);
}

function rowsOf(path: string): number {
  return look(path, ({ image }) => image?.rows ?? 0);
}

/** All that a file says; since when it serves and its checksum apart. */
function contentOf(path: string) {
  const database = new Database(path, { readonly: true });
  const all = (sql: string): unknown[] => database.prepare(sql).all();
  const one = (key: string) =>
    database.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck().get(key);
  const rest = all("SELECT * FROM meta WHERE key NOT IN ('since', 'digest') ORDER BY key");
  const [recipient, source] = [all("SELECT * FROM recipient"), all("SELECT * FROM source")];
  const versions = [database.pragma("application_id"), database.pragma("user_version")];
  const content = { recipient, source, rest, versions, since: one("since"), digest: one("digest") };
  database.close();
  return content;
}

/** Names in the snapshot's folder that are neither it nor its lock. */
function others(path: string): string[] {
  return readdirSync(join(path, "..")).filter((name) => name !== "snapshot.sqlite" && name !== "snapshot.sqlite.lock");
}

describe("the sync job", () => {
  it("publishes, and tells what came and what went", async () => {
    const path = target();
    const first = await sync(path, [listSource("list", [...addresses(50), found("boss", "shortname")])]);
    expect(first).toMatchObject({ kind: "published", facts: { entries: 51, addresses: 51, added: 51, removed: 0 } });
    const second = await sync(path, [
      listSource("list", [...addresses(49), found("boss", "shortname"), "new@kontor.example"]),
    ]);
    expect(second).toMatchObject({
      kind: "published",
      facts: { addresses: 51, byKind: { account: 50, shortname: 1, alias: 0 }, added: 1, removed: 1, frozen: [] },
    });
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(others(path)).toEqual(["snapshot.sqlite.1"]);
  });

  it("keeps the kind that stands first where a source gives a key twice", async () => {
    const path = target();
    await publish(path, [
      listSource("list", [found("a@kontor.example", "alias", "CN=B"), found("a@kontor.example", "account", "CN=C")]),
    ]);
    expect(look(path, ({ image }) => image?.findAddress("a@kontor.example"))).toMatchObject({
      kind: "account",
      entry: "CN=C",
    });
  });

  it("writes the same bytes in whatever order and however often the rows come", async () => {
    const [one, other] = [target(), target()];
    const row = fc.record({
      index: fc.nat(400),
      kind: fc.constantFrom(...kinds),
      entry: fc.constantFrom("CN=A", "CN=B"),
    });
    const list = fc.array(row, { minLength: 1, maxLength: 600 });
    const shuffled = list.chain((rows) => {
      const all = fc.constant(rows.map(({ index, kind, entry }) => found(`u${index}@kontor.example`, kind, entry)));
      return fc.tuple(
        all,
        all.chain((items) => fc.shuffledSubarray([...items, ...items], { minLength: items.length * 2 })),
      );
    });
    const property = fc.asyncProperty(shuffled, async ([sorted, mixed]) => {
      await publish(one, [listSource("list", sorted)], { acceptShrink: true, acceptGrowth: true });
      // The counts of entries differ, and are not of interest here.
      const source = listSource("list", mixed);
      const read = source.read.bind(source);
      await publish(
        other,
        [
          {
            ...source,
            async *read(signal) {
              let left = sorted.length;
              for await (const batch of read(signal)) {
                yield { ...batch, entries: Math.min(left, batch.entries) };
                left -= Math.min(left, batch.entries);
              }
            },
          },
        ],
        { acceptShrink: true, acceptGrowth: true },
      );
      expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
    });
    await fc.assert(property, { numRuns: 15 });
  });

  it("says the same of the same rows, whether or not a list has them already", async () => {
    const row = fc.record({
      key: fc.stringMatching(/^[a-c]{1,2}@kontor\.example$/).map((text) => found(text).key),
      kind: fc.constantFrom<Kind>("account", "alias", "group"),
      entry: fc.constantFrom("", "cn=a", "cn=ü 'b'"),
      rule: fc.constantFrom("", "a@kontor.example"),
    });
    const rows = fc.array(row, { minLength: 1, maxLength: 12 });
    const more = fc.oneof(fc.constant([]), fc.array(row, { maxLength: 3 }));
    await fc.assert(
      fc.asyncProperty(rows, more, async (first, added) => {
        const [copied, before, built] = [target(), target(), target()];
        const second = [...first, ...added].toReversed();
        await publish(copied, [listSource("list", first)], { now: () => 1_000_000 });
        await publish(before, [listSource("list", first)], { now: () => 1_000_000 });
        await publish(copied, [listSource("list", second)], { now: () => 2_000_000 });
        await publish(built, [listSource("list", second)], { now: () => 2_000_000 });
        const [old, ours, theirs] = [contentOf(before), contentOf(copied), contentOf(built)];
        expect(judgeSeal(copied)).toBe("whole");
        expect(ours).toEqual({ ...theirs, since: ours.since, digest: ours.digest });
        if (isDeepStrictEqual(old.recipient, ours.recipient)) {
          expect(ours.since).toBe("1000000");
        }
      }),
      { numRuns: 50 },
    );
  });

  it("freezes a source that fails, and says so in log, meta table and outcome", async () => {
    const path = target();
    const plant = addresses(30, "p");
    await publish(path, [listSource("domino", addresses(60)), listSource("plant", plant)], { now: () => 1000 });
    const log = memoryLog();
    const outcome = await sync(
      path,
      [
        listSource("domino", [...addresses(60), "new@kontor.example"]),
        listSource("plant", plant.slice(0, 4), { fault: "connection lost" }),
      ],
      { log, now: () => 2000 },
    );
    expect(outcome).toMatchObject({
      kind: "published",
      facts: { added: 1, removed: 0, frozen: [{ name: "plant", fault: "connection lost" }] },
    });
    expect([...plant, "new@kontor.example"].every((address) => has(path, address))).toBe(true);
    const { state } = look(path, (reader) => ({ state: reader.state }));
    expect(state).toMatchObject({
      sources: [
        { name: "domino", readAt: 2000, triedAt: 2000, entries: 61, fault: "" },
        { name: "plant", readAt: 1000, triedAt: 2000, entries: 30, fault: "connection lost" },
      ],
    });
    expect(log.lines.find(({ level }) => level === "error")?.fields).toMatchObject({
      source: "plant",
      reason: "incomplete",
    });

    // A second failure keeps them too, and a success ends it.
    await publish(path, [listSource("domino", addresses(60)), listSource("plant", plant, { fault: "refused" })], {
      now: () => 3000,
    });
    expect(has(path, "p29@kontor.example")).toBe(true);
    await publish(path, [listSource("domino", addresses(60)), listSource("plant", plant.slice(1))], {
      now: () => 4000,
    });
    expect(has(path, "p0@kontor.example")).toBe(false);
  });

  it("publishes nothing where every source fails", async () => {
    const path = target();
    await publish(path, [listSource("list", addresses(10))]);
    const before = readFileSync(path);
    expect(await sync(path, [listSource("list", addresses(10), { fault: "down" })])).toMatchObject({ kind: "failed" });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("publishes nothing where a source fails that the snapshot has no rows of, unless a person says so", async () => {
    const path = target();
    const sources = [listSource("domino", addresses(10)), listSource("plant", addresses(10, "p"), { fault: "down" })];
    const outcome = await sync(path, sources);
    expect(outcome).toMatchObject({ kind: "failed", why: expect.stringContaining("--accept-missing") as string });
    expect(others(path)).toEqual([]);
    expect(() => statSync(path)).toThrow("ENOENT");
    await publish(path, sources, { acceptMissing: true });
    expect(has(path, "a1@kontor.example")).toBe(true);
    expect(await sync(path, sources)).toMatchObject({ kind: "failed" });
  });

  it("refuses a list that shrank, until a person accepts it once", async () => {
    const path = target();
    await publish(path, [listSource("list", addresses(100))]);
    const before = readFileSync(path);
    const small = [listSource("list", addresses(50))];
    const log = memoryLog();
    expect(await sync(path, small, { log })).toMatchObject({ kind: "refused", facts: { removed: 50 } });
    expect(log.lines.filter(({ event }) => event === "refused")).toHaveLength(2);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(others(path)).toEqual([]);
    await publish(path, small, { acceptShrink: true });
    expect(await sync(path, [listSource("list", addresses(20))])).toMatchObject({ kind: "refused" });
  });

  it("refuses an empty list", async () => {
    const path = target();
    expect(await sync(path, [listSource("list", [])], { acceptShrink: true })).toMatchObject({ kind: "refused" });
    expect(await sync(path, [])).toMatchObject({ kind: "failed" });
    expect(others(path)).toEqual([]);
  });

  it("tells in a dry run what would change, and changes nothing", async () => {
    const path = target();
    await publish(path, [listSource("list", addresses(20))]);
    const before = statSync(path, { bigint: true });
    const told: string[] = [];
    const list = [...addresses(19), "b@kontor.example", "a@kontor.example"];
    const outcome = await sync(path, [listSource("list", list)], {
      dryRun: true,
      tell: (change, key) => told.push(`${change} ${key}`),
    });
    expect(outcome).toMatchObject({ kind: "dry-run", facts: { added: 2, removed: 1 } });
    expect(told).toEqual(["removed a19@kontor.example", "added a@kontor.example", "added b@kontor.example"]);
    const { ino, mtimeNs, ctimeNs } = before;
    expect(statSync(path, { bigint: true })).toMatchObject({ ino, mtimeNs, ctimeNs });
    expect(others(path)).toEqual([]);
  });

  it("keeps as many snapshots of before as it is told", async () => {
    const path = target();
    const generation = (count: number, keep: number): Promise<void> =>
      publish(path, [listSource("list", addresses(count))], { settings: { max_shrink: 0.1, keep } });
    for (const count of [1, 2, 3, 4, 5]) {
      await generation(count, 3);
    }
    expect([path, `${path}.1`, `${path}.2`, `${path}.3`].map(rowsOf)).toEqual([5, 4, 3, 2]);
    expect(others(path)).toHaveLength(3);
    await generation(6, 1);
    expect(others(path)).toEqual(["snapshot.sqlite.1"]);
    expect(rowsOf(`${path}.1`)).toBe(5);
    await generation(7, 0);
    expect(others(path)).toEqual([]);
  });

  it("does not keep the same snapshot twice after it was killed between keeping and replacing", async () => {
    const path = target();
    await publish(path, [listSource("list", addresses(10))]);
    await publish(path, [listSource("list", addresses(11))]);
    rmSync(`${path}.1`);
    linkSync(path, `${path}.1`);
    await publish(path, [listSource("list", addresses(12))]);
    expect([path, `${path}.1`].map(rowsOf)).toEqual([12, 11]);
    expect(others(path)).toEqual(["snapshot.sqlite.1"]);
  });

  it("is not disturbed by what a killed sync with the same process id left", async () => {
    const path = target();
    for (const purpose of ["scratch", "new"]) {
      writeFileSync(`${path}.tmp.${process.pid}.${purpose}`, "left over");
    }
    await publish(path, [listSource("list", addresses(10))]);
    expect(others(path)).toEqual([]);
  });

  it("guards by the youngest good one of before where the snapshot is torn, and does not keep the torn one", async () => {
    const path = target();
    await publish(path, [listSource("list", addresses(99))]);
    await publish(path, [listSource("list", addresses(100))]);
    truncateSync(path, 8192);
    expect(await sync(path, [listSource("list", addresses(10))])).toMatchObject({ kind: "refused" });
    await publish(path, [listSource("list", addresses(98))]);
    expect(look(path, ({ image }) => image?.rows)).toBe(98);
    expect(look(`${path}.1`, ({ image }) => image?.rows)).toBe(99);
  });

  it("replaces whatever garbage lies there where nothing good was kept", async () => {
    const path = target();
    writeFileSync(path, "garbage");
    await publish(path, [listSource("list", addresses(3))]);
    expect(has(path, "a1@kontor.example")).toBe(true);
    expect(others(path)).toEqual([]);
  });

  it.each([
    ["a folder lies in its place", (path: string) => mkdirSync(path, { recursive: true })],
    ["its folder is missing", (path: string) => rmSync(join(path, ".."), { recursive: true })],
  ])("fails where %s, and leaves no rubbish", async (_, spoil) => {
    const path = target();
    spoil(path);
    expect(await sync(path, [listSource("list", addresses(3))])).toMatchObject({ kind: "failed" });
    expect(statSync(join(path, ".."), { throwIfNoEntry: false }) === undefined ? [] : others(path)).toEqual([]);
  });

  it("says that another one is running, and does not touch its files", async () => {
    const path = target();
    const lock = acquireLock(path);
    writeFileSync(`${path}.tmp.1.new`, "of the other one");
    expect(await sync(path, [listSource("list", addresses(3))])).toEqual({ kind: "busy" });
    expect(others(path)).toEqual(["snapshot.sqlite.tmp.1.new"]);
    lock?.release();
    await publish(path, [listSource("list", addresses(3))]);
    expect(others(path)).toEqual([]);
  });

  it("stops at its signal, even while a source hangs", async () => {
    const path = target();
    const controller = new AbortController();
    const hanging = listSource("list", addresses(3), {
      wait: () => {
        controller.abort(new Error("Stopped by a test"));
        return new Promise(() => undefined);
      },
    });
    const outcome = await sync(path, [hanging], { signal: controller.signal });
    expect(outcome).toEqual({ kind: "failed", why: "Stopped by a test" });
    expect(others(path)).toEqual([]);
  });

  it("takes a source that throws anything for one that failed", async () => {
    const path = target();
    const broken = {
      ...listSource("plant", []),
      read: () =>
        listSource("plant", [], { wait: () => Promise.reject(new TypeError("bug")) }).read(AbortSignal.timeout(1000)),
    };
    await publish(path, [listSource("domino", addresses(9)), listSource("plant", addresses(9, "p"))]);
    expect(await sync(path, [listSource("domino", addresses(9)), broken])).toMatchObject({
      kind: "published",
      facts: { frozen: [{ fault: "bug" }] },
    });
  });
});
