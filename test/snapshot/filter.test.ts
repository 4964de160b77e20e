/** The filter before the tree: never wrong about a key that is there, seldom in vain about one that is not. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { KeyFilter } from "../../src/snapshot/filter.ts";
import { KeptFilter } from "../../src/snapshot/kept-filter.ts";
import { LateFilter } from "../../src/snapshot/late-filter.ts";
import { found, listSource, publish, temporaryFolder } from "./fixture.ts";

describe("the filter of keys", () => {
  it("has every key that was added, kept in a file or not", () => {
    const property = fc.property(fc.array(fc.string({ unit: "binary" })), (keys) => {
      const filter = KeyFilter.ofSize(keys.length);
      keys.forEach((key) => filter.add(key));
      const kept = new KeyFilter(Uint8Array.from(filter.bytes));
      expect(keys.every((key) => filter.mayHave(key) && kept.mayHave(key))).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("sends at most three of a thousand near misses into the list", () => {
    const user = (index: number): string => `user.${String(index).padStart(6, "0")}@kontor.example`;
    const filter = KeyFilter.ofSize(50_000);
    for (let index = 0; index < 50_000; index++) {
      filter.add(user(index));
    }
    for (const near of [(i: number) => user(i + 50_000), (i: number) => `${user(i)}x`, (i: number) => `u${user(i)}`]) {
      const vain = Array.from({ length: 50_000 }, (_, index) => filter.mayHave(near(index))).filter(Boolean).length;
      expect(vain).toBeLessThan(150);
      expect(vain).toBeGreaterThan(0);
    }
  });

  it("of no keys has none", () => {
    expect(KeyFilter.ofSize(0).mayHave("a@kontor.example")).toBe(false);
  });
});

describe("the filter of a list in memory", () => {
  const user = (index: number): string => `user.${String(index).padStart(4, "0")}@kontor.example`;
  const present = Array.from({ length: 2500 }, (_, index) => user(index));

  async function openList(): Promise<Database.Database> {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    // One key has rows of two sources, and lies where one piece ends.
    await publish(path, [
      listSource(
        "list",
        present.map((key) => found(key)),
      ),
      listSource("more", [found(user(999))]),
    ]);
    const database = new Database(readFileSync(path), { readonly: true });
    onTestFinished(() => void database.close());
    return database;
  }

  it("lets every key pass until it has grown, piece by piece, and then those of the list", async () => {
    const filter = new LateFilter(await openList());
    expect(filter.mayHave("nobody@kontor.example")).toBe(true);
    filter.grow();
    filter.grow();
    let turns = 0;
    for (; filter.mayHave("nobody@kontor.example") && turns < 100; turns++) {
      expect(present.every((key) => filter.mayHave(key))).toBe(true);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(turns).toBeGreaterThan(3);
    expect(turns).toBeLessThan(10);
    expect(present.every((key) => filter.mayHave(key))).toBe(true);
  });

  it("grows no more when the list is closed", async () => {
    const database = await openList();
    const filter = new LateFilter(database);
    filter.grow();
    await new Promise((resolve) => void setImmediate(resolve));
    database.close();
    for (let turn = 0; turn < 10; turn++) {
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(filter.mayHave("nobody@kontor.example")).toBe(true);
  });
});

describe("the filter of a copy", () => {
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  function write(): string {
    const path = join(temporaryFolder(), "list.filter");
    const filter = KeyFilter.ofSize(1_000_000);
    filter.add("anna@kontor.example");
    writeFileSync(path, filter.bytes);
    return path;
  }

  it("lets every key pass until it is read, and again when it is released, which gives its memory back", async () => {
    const used = (): number => process.memoryUsage().arrayBuffers;
    const before = used();
    const filter = new KeptFilter(write());
    expect(filter.mayHave("nobody@kontor.example")).toBe(true);
    await expect.poll(() => filter.mayHave("nobody@kontor.example")).toBe(false);
    expect(filter.mayHave("anna@kontor.example")).toBe(true);
    const kept = used();
    filter.release();
    expect(kept - used()).toBe(1_750_000);
    expect(used() - before).toBeLessThan(4_000_000);
    expect([filter.mayHave("nobody@kontor.example"), filter.mayHave("anna@kontor.example")]).toEqual([true, true]);
  });

  it("lets every key pass where it was released before it was read, or cannot be read", async () => {
    const filters = [new KeptFilter(write()), new KeptFilter(join(temporaryFolder(), "removed"))];
    filters[0]?.release();
    for (let count = 0; count < 50; count++) {
      await turn();
    }
    expect(filters.map((filter) => filter.mayHave("nobody@kontor.example"))).toEqual([true, true]);
  });
});
