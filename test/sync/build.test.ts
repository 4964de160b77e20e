import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { kinds, refused, versionOf, wildcardKinds } from "../../src/snapshot/format.ts";
import { askList } from "../../sync/list/ask-list.ts";
import { buildSnapshot } from "../../sync/list/build.ts";
import { compareSnapshots } from "../../sync/list/changes.ts";
import { countRows } from "../../sync/list/count.ts";
import { hasSameRows } from "../../sync/list/unchanged.ts";
import { createScratch } from "../../sync/read/scratch.ts";
import type { ScratchRow } from "../../sync/read/scratch.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-build-"));
afterAll(() => rmSync(folder, { recursive: true }));

const names = ["one", "two", "three"];
const source = { domains: "", readAt: 1, triedAt: 1, entries: 1, fault: "", reached: "" };
const facts = { sources: names.map((name) => ({ name, ...source })), created: 1, host: "host", version: "1" };

/** Rows of three sources, of which one may have been dropped after it gave some. */
interface Given {
  readonly rows: readonly (readonly ScratchRow[])[];
  readonly dropped: number;
}

/** @param oldName whose vanished rows stay @param count of sources that the list has */
function build(name: string, { rows, dropped }: Given, oldName?: string, count = names.length) {
  const path = join(folder, name);
  rmSync(path, { force: true });
  const scratch = createScratch((purpose) => join(folder, purpose));
  rows.forEach((some, index) => scratch.add(index + 1, some));
  scratch.drop(dropped);
  const sources = names.map((one, index) => ({ id: index + 1, name: one }));
  const grace = oldName === undefined ? undefined : { path: join(folder, oldName), sources, now: 9, oldest: 0 };
  const built = buildSnapshot(path, scratch, { ...facts, sources: facts.sources.slice(0, count), grace });
  scratch.close();
  return { path, built };
}

/** @param keys few, so that a source gives some twice; or many, so that it does not */
function given(keys: fc.Arbitrary<string>): fc.Arbitrary<Given> {
  const found = fc.record({ key: keys, kind: fc.constantFrom(...kinds), entry: fc.constantFrom("a", "b") });
  const row = fc.oneof(
    { weight: 6, arbitrary: found },
    found.map((one) => ({ ...one, rule: "internal", gone: 5 })),
    found.map((one) => ({ ...one, ...refused })),
  );
  const rows = fc.tuple(...names.map(() => fc.array(row, { maxLength: 6 })));
  return fc.record({ rows, dropped: fc.constantFrom(0, 1, 2) });
}

const few = given(fc.constantFrom("a@x", "b@x", "c@x", "a"));
const many = given(fc.stringMatching(/^[a-z]{8}@x$/));
const lists = fc.tuple(fc.oneof(few, many), fc.oneof(few, many));

/** The rows are the same, and their pages are not. */
function writeRowsAnew(path: string): void {
  const database = new Database(path);
  database.exec(
    `CREATE TEMP TABLE rows AS SELECT * FROM recipient ORDER BY key DESC, source DESC;
     DELETE FROM recipient;
     INSERT INTO recipient SELECT * FROM rows`,
  );
  database.close();
}

function keysOf(path: string): Set<string> {
  return askList(
    path,
    (database) => new Set(database.prepare<[], string>("SELECT key FROM recipient WHERE gone = 0").pluck().all()),
  );
}

function lookAt(path: string) {
  return askList(path, (database) => {
    const rows = database.prepare<[], { kind: string; rule: string }>("SELECT kind, rule FROM recipient").all();
    const isWild = rows.some(({ kind, rule }) => wildcardKinds.some((one) => one === kind) || rule === refused.rule);
    return { isWild, version: database.pragma("user_version", { simple: true }) };
  });
}

describe("a list that is built", () => {
  it("is counted as its rows are, however often a key came, and whatever vanished", () => {
    fc.assert(
      fc.property(lists, ([first, second]) => {
        const [old, now] = [build("old", first), build("new", second, "old")];
        for (const { path, built } of [old, now]) {
          expect(built).toEqual(askList(path, (database) => countRows(database, names.length)));
          const { isWild, version } = lookAt(path);
          expect(version).toBe(versionOf(false, isWild));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("is the one before if it has the same rows, in whatever order they came and were written", () => {
    const again = few.map((one) => [one, { ...one, rows: one.rows.map((some) => some.toReversed()) }] as const);
    fc.assert(
      fc.property(fc.oneof(lists, again), fc.boolean(), ([first, second], stays) => {
        const { path: old } = build("old", first);
        const { path: now } = build("new", second, stays ? "old" : undefined);
        const rows = (path: string): unknown[] =>
          askList(path, (database) => database.prepare("SELECT * FROM recipient ORDER BY key, source").raw().all());
        expect(hasSameRows(now, old)).toBe(isDeepStrictEqual(rows(now), rows(old)));
        askList(now, (database) => database.prepare("VACUUM INTO ?").run(`${old}.other`));
        writeRowsAnew(`${old}.other`);
        expect(hasSameRows(`${old}.other`, now)).toBe(true);
        rmSync(`${old}.other`);
      }),
      { numRuns: 40 },
    );
  });

  it("is compared with the one before key by key, whichever sources gave them", () => {
    fc.assert(
      fc.property(lists, ([first, second]) => {
        const [{ path: before }, { path: now }] = [build("before", first), build("now", second)];
        const told: string[] = [];
        const changes = compareSnapshots(now, before, (change, key) => told.push(`${change} ${key}`));
        const [left, came] = [keysOf(before).difference(keysOf(now)), keysOf(now).difference(keysOf(before))];
        expect(changes).toEqual({ added: came.size, removed: left.size });
        const sorted = (change: string, keys: Set<string>): string[] =>
          [...keys].toSorted().map((key) => `${change} ${key}`);
        expect(told).toEqual([...sorted("removed", left), ...sorted("added", came)]);
        expect(compareSnapshots(now, undefined)).toEqual({ added: keysOf(now).size, removed: 0 });
        const { path: alone } = build("alone", { rows: first.rows.slice(0, 1), dropped: 0 }, undefined, 1);
        expect(compareSnapshots(alone, undefined)).toEqual({ added: keysOf(alone).size, removed: 0 });
      }),
      { numRuns: 100 },
    );
  });
});
