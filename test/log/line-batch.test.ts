/** Lines in memory that is used again: none is lost, split or overwritten, however long they are. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { batchSize, LineBatch } from "../../src/log/line-batch.ts";

const line = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "grapheme" }) },
  fc.nat({ max: batchSize }).map((length) => "ü".repeat(length)),
);

describe("a batch of lines", () => {
  it("comes out as it went in, in order, whatever is given back meanwhile", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(line, fc.boolean())), (lines) => {
        const batch = new LineBatch();
        let taken: Buffer[] = [];
        let text = "";
        let bytes = 0;
        const take = (): void => void taken.push(batch.take() ?? Buffer.alloc(0));
        for (const [one, givesBack] of lines) {
          let added = batch.add(one);
          if (added === 0) {
            take();
            if (givesBack) {
              text += taken.map(String).join("");
              taken.forEach((each) => batch.giveBack(each));
              taken = [];
            }
            added = batch.add(one);
          }
          expect(added).toBe(Buffer.byteLength(one) + 1);
          bytes += added;
        }
        take();
        text += taken.map(String).join("");
        expect(text).toBe(lines.map(([one]) => `${one.toWellFormed()}\n`).join(""));
        expect(Buffer.byteLength(text)).toBe(bytes);
        expect(batch.take()).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it("uses the memory of lines that were given back", () => {
    const batch = new LineBatch();
    batch.add("first");
    const first = batch.take();
    batch.add("second");
    batch.giveBack(first ?? Buffer.alloc(0));
    batch.take();
    batch.add("third");
    expect(batch.take()?.buffer).toBe(first?.buffer);
  });
});
