import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { kinds } from "../../src/snapshot/format.ts";
import { createScratch } from "../../sync/read/scratch.ts";
import type { Scratch, ScratchRow } from "../../sync/read/scratch.ts";

describe("the scratch file", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-scratch-"));
  const pathFor = (purpose: string): string => join(folder, purpose);
  const database = new Database(":memory:");
  afterAll(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });

  type Found = readonly [key: unknown, source: number, kind: string, entry: unknown, rule: string, gone: number];

  /** What comes out of what is put into it, in order. */
  function through(put: (scratch: Scratch) => void): Found[] {
    const scratch = createScratch(pathFor);
    put(scratch);
    const members = database.prepare<[string], [string, unknown]>("SELECT key, value FROM json_each(?)").raw();
    const found = [...scratch.groups()].flatMap(({ source, kind, rule, gone, members: text }) =>
      members.all(text.toString()).map(([entry, key]): Found => [key, source, kind, entry, rule, gone]),
    );
    scratch.close();
    return found;
  }

  it("holds every row as it came, whatever an entry is called", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    const name = fc.oneof(text, fc.constantFrom('cn="a\\b"', "$.a", "0", "", "cn=a\tb\nc\0d", "__proto__"));
    const row = fc.record({
      key: text,
      kind: fc.constantFrom(...kinds),
      entry: name,
      rule: fc.constantFrom("", 'from "x"'),
      gone: fc.constantFrom(0, 7),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
        const sorted = (all: readonly unknown[]): string[] => all.map((one) => JSON.stringify(one)).toSorted();
        const wanted = rows.map(({ key, kind, entry, rule, gone }) => [key, 3, kind, entry, rule, gone]);
        expect(sorted(through((scratch) => scratch.add(3, rows)))).toEqual(sorted(wanted));
      }),
      { numRuns: 50 },
    );
    expect(existsSync(pathFor("scratch"))).toBe(false);
  });

  it("forgets only what a source gave before, also of what is in the file", () => {
    const row = (number: number, size: number): ScratchRow => {
      return { key: `${number}@x`, kind: "account", entry: `${"ü\n".repeat(size)}${number}` };
    };
    const many = (from: number): ScratchRow[] => Array.from({ length: 3000 }, (_, i) => row(from + i, i % 300));
    const [kept, huge, last] = [many(10_000), row(1, 2_000_000), row(2, 1)];
    const found = through((scratch) => {
      scratch.add(1, many(0));
      scratch.add(2, kept);
      scratch.add(1, many(20_000));
      scratch.drop(1);
      expect(existsSync(pathFor("scratch"))).toBe(true);
      scratch.add(1, [huge]);
      scratch.add(1, [last]);
      expect(scratch.holdings()).toMatchObject({ rows: kept.length + 2 });
    });
    const wanted = [...kept.map((one) => [one, 2] as const), [huge, 1] as const, [last, 1] as const];
    expect(found).toEqual(wanted.map(([{ key, kind, entry }, source]) => [key, source, kind, entry, "", 0]));
    rmSync(pathFor("scratch"));
  });

  it("answers rules by the people of their own source", () => {
    const rule = 'dn:{"dns":["cn=boss"],"keys":["x@y"]}';
    const rows: ScratchRow[] = [{ key: "a@x", kind: "group", entry: "a", rule }];
    const found = through((scratch) => {
      scratch.add(1, rows);
      scratch.add(2, rows);
      scratch.addPeople(2, [{ dn: "cn=boss", keys: ["boss@x"] }]);
      scratch.addPeople(3, [{ dn: "cn=boss", keys: ["boss@other"] }]);
      scratch.add(3, rows);
      scratch.drop(3);
      expect(scratch.resolveRules()).toBe(1);
    });
    expect(found).toEqual([
      ["a@x", 1, "group", "a", "", 0],
      ["a@x", 2, "group", "a", "senders:boss@x x@y", 0],
    ]);
    rmSync(pathFor("people"));
  });
});
