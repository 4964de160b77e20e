/** The filter before the tree: never wrong about a key that is there, seldom in vain about one that is not. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { KeyFilter } from "../../src/snapshot/filter.ts";

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
