/** From chunks to wire form, in any segmentation, against a reader so plain that it must be right. RFC 3030, RFC 5321 4.5.2. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ChunkReader } from "../../src/smtp/message/chunk-reader.ts";

/** What smugglers send more often than chance would; a CRLF may come in two pieces. */
const atom = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("\r\n", "\r", "\n", ".", "..", "\0", "\r\n.", "\r\n..", "\r\n.\r\n", "\n.\n"),
  },
  { weight: 3, arbitrary: fc.constantFrom("a", "MAIL FROM:<x@y>", "\xff", "\x8d\x8a", "\x80", " ", "\t") },
);
const anything = fc.array(atom, { maxLength: 24 }).map((parts) => parts.join(""));
const lines = fc
  .array(fc.constantFrom("", ".", "..", ".x", "x", "x.", "\t.", "\xe4"), { maxLength: 12 })
  .map((list) => list.join("\r\n"));
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });

/** Reads it in pieces of these lengths, over and over. */
function read(content: string, lengths: readonly number[], normalise: boolean): { wire: string; defect: boolean } {
  const bytes = Buffer.from(content, "latin1");
  const reader = new ChunkReader(normalise);
  const out: string[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + (lengths[i % lengths.length] ?? 1);
    const { body, rest } = reader.push(bytes.subarray(at, end));
    // What looks for the end of the header relies upon it that no CRLF is divided.
    if (rest !== undefined || (body.at(-1) === 13 && !reader.defect)) {
      throw new Error(`a piece ends in CR, or the message: ${JSON.stringify(content)}`);
    }
    out.push(body.toString("latin1"));
    at = end;
  }
  out.push(reader.end().toString("latin1"));
  return { wire: out.join(""), defect: reader.defect };
}

/** Line by line. */
function wireOf(content: string): string {
  const clean = content.replaceAll("\0", "").split(/\r\n|\r|\n/);
  const list = clean.at(-1) === "" ? clean.slice(0, -1) : clean;
  return list.map((line) => `${line.startsWith(".") ? "." : ""}${line}\r\n`).join("");
}

describe("ChunkReader", () => {
  it("stuffs the dots of whole lines and ends the last one, whatever the chunks divide", () => {
    fc.assert(
      fc.property(lines, cuts, fc.boolean(), (content, lengths, normalise) => {
        expect(read(content, lengths, normalise)).toEqual({ wire: wireOf(content), defect: false });
      }),
      { numRuns: 2000 },
    );
  });

  it("sees a bare CR, LF or NUL anywhere, as in a message behind DATA", () => {
    fc.assert(
      fc.property(anything, cuts, (content, lengths) => {
        expect(read(content, lengths, false).defect).toBe(/\r(?!\n)|(?<!\r)\n|\0/.test(content));
      }),
      { numRuns: 2000 },
    );
  });

  it("normalises as a reader of whole lines would: nothing in it ends a message", () => {
    fc.assert(
      fc.property(anything, cuts, (content, lengths) => {
        const { wire, defect } = read(content, lengths, true);
        // A NUL between CR and LF leaves two line ends.
        const divided = /\r\0+\n/.test(content);
        expect(defect).toBe(false);
        expect(`\r\n${wire}`).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0|\r\n\.\r\n/);
        expect(wire === wireOf(content) || divided).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it("takes two megabytes of dots in a moment", () => {
    const before = process.cpuUsage();
    expect(read(".\r\n".repeat(700_000), [65_536], false).wire).toHaveLength(2_800_000);
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });
});
