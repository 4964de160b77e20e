import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { kinds } from "../../src/snapshot/format.ts";
import { createScratch } from "../../sync/read/scratch.ts";
import type { ScratchRow } from "../../sync/read/scratch.ts";

describe("the scratch file", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-scratch-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What comes out of it, in the order of its rows. */
  function through(rows: readonly ScratchRow[]): unknown[] {
    const path = join(folder, "scratch");
    const scratch = createScratch(path);
    scratch.add(3, rows);
    scratch.finish();
    const database = new Database(path, { readonly: true });
    const found = database.prepare("SELECT key, source, kind, entry, rule, gone FROM found").raw().all();
    database.close();
    rmSync(path);
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
        const sorted = (all: unknown[]): string[] => all.map((one) => JSON.stringify(one)).toSorted();
        const wanted = rows.map(({ key, kind, entry, rule, gone }) => [key, 3, kinds.indexOf(kind), entry, rule, gone]);
        expect(sorted(through(rows))).toEqual(sorted(wanted));
      }),
      { numRuns: 50 },
    );
  });
});
