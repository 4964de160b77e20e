/** The end of a message and its line endings, in any segmentation, against a reader so plain that it must be right. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { DotReader } from "../../src/smtp/message/dot-reader.ts";

/** Longest first; what smugglers and clumsy programs send more often than chance would. */
const atom = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("\r\n", "\r", "\n", ".", "..", "\0", "\r\n.", "\r\n..", "\n.\n", "\r.\r") },
  { weight: 3, arbitrary: fc.constantFrom("\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n\0.\r\n", "\r\n.\0\r\n") },
  { weight: 3, arbitrary: fc.constantFrom("a", "MAIL FROM:<x@y>", "\xff", "\x8d\x8a", "\x80", "\x0e", " ", "\t") },
);
const content = fc.array(atom, { maxLength: 24 }).map((parts) => Buffer.from(parts.join(""), "latin1"));
/** Content as a well-behaved client sends it: whole lines only. */
const lines = fc.array(fc.constantFrom("", ".", "..", ".x", "x", "x.", "\t.", "\xe4"), { maxLength: 8 });
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 7, max: 60 })), {
  minLength: 1,
  maxLength: 12,
});

interface Reading {
  readonly body: Buffer;
  readonly rest: Buffer | undefined;
  readonly defect: boolean;
}

/** Reads `wire` cut into pieces of these lengths, over and over. */
function read(wire: Buffer, lengths: readonly number[], normalise: boolean): Reading {
  const reader = new DotReader(normalise);
  const bodies: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < wire.length; i++) {
    const end = at + (lengths[i % lengths.length] ?? 1);
    const { body, rest } = reader.push(wire.subarray(at, end));
    bodies.push(Buffer.from(body));
    at = end;
    if (rest !== undefined) {
      return { body: Buffer.concat(bodies), rest: Buffer.concat([rest, wire.subarray(at)]), defect: reader.defect };
    }
  }
  return { body: Buffer.concat(bodies), rest: undefined, defect: reader.defect };
}

/** The end by RFC 5321 4.1.1.4, found in the whole: index behind the message, and behind the dot. */
function findEnd(wire: Buffer): [number, number] | undefined {
  const at = `\r\n${wire.toString("latin1")}`.indexOf("\r\n.\r\n");
  return at < 0 ? undefined : [at, at + 3];
}

/** Line by line: bare CR and LF are line endings, NUL is nothing; genuine lines keep their stuffing, others get it. */
function normalised(body: Buffer): string {
  const parts = body.toString("latin1").split(/(\r\n|\r|\n)/);
  let out = "";
  let before = "\r\n";
  for (let i = 0; i < parts.length; i += 2) {
    const raw = parts[i] ?? "";
    const line = raw.replaceAll("\0", "");
    const stuffed = before === "\r\n" && raw.startsWith(".");
    // ".\r" is not an end of a message, so it must not become one.
    out += (line.startsWith(".") && (!stuffed || line === ".") ? "." : "") + line;
    before = parts[i + 1] ?? "";
    out += before === "" ? "" : "\r\n";
  }
  return out;
}

describe("DotReader", () => {
  it("finds the same end in any segmentation, and nothing after it is the message's", () => {
    fc.assert(
      fc.property(content, content, cuts, fc.boolean(), (message, behind, lengths, normalise) => {
        const wire = Buffer.concat([message, Buffer.from("\r\n.\r\n"), behind]);
        const [body, rest] = findEnd(wire) ?? [0, 0];
        const got = read(wire, lengths, normalise);
        expect(got.rest?.toString("latin1")).toBe(wire.toString("latin1", rest));
        if (!normalise) {
          expect(got.body.toString("latin1")).toBe(wire.toString("latin1", 0, body));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("normalises as a reader of whole lines would", () => {
    fc.assert(
      fc.property(content, cuts, (message, lengths) => {
        const wire = Buffer.concat([message, Buffer.from("\r\n.\r\n")]);
        const [body] = findEnd(wire) ?? [0];
        expect(read(wire, lengths, true).body.toString("latin1")).toBe(normalised(wire.subarray(0, body)));
      }),
      { numRuns: 3000 },
    );
  });

  it("lets nothing through that a next hop of any kind takes for an end", () => {
    fc.assert(
      fc.property(content, cuts, (message, lengths) => {
        const wire = Buffer.concat([message, Buffer.from("\r\n.\r\n")]);
        const body = `\r\n${read(wire, lengths, true).body.toString("latin1")}`;
        expect(body).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
        expect(body).not.toMatch(/\r\n\.(?:\r\n|$)/);
      }),
      { numRuns: 2000 },
    );
  });

  it("sees a bare CR, LF or NUL anywhere before the end, and only there", () => {
    fc.assert(
      fc.property(content, cuts, (message, lengths) => {
        const wire = Buffer.concat([message, Buffer.from("\r\n.\r\n")]);
        const [body] = findEnd(wire) ?? [0];
        const text = wire.toString("latin1", 0, body);
        expect(read(wire, lengths, false).defect).toBe(/\r(?!\n)|(?<!\r)\n|\0/.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("hands on whole lines byte for byte, dots as they were stuffed", () => {
    fc.assert(
      fc.property(lines, cuts, fc.boolean(), (list, lengths, normalise) => {
        const stuffed = list.map((line) => `${line.startsWith(".") ? "." : ""}${line}\r\n`).join("");
        const got = read(Buffer.from(`${stuffed}.\r\nQUIT\r\n`, "latin1"), lengths, normalise);
        expect({ ...got, body: got.body.toString("latin1"), rest: got.rest?.toString() }).toEqual({
          body: stuffed,
          rest: "QUIT\r\n",
          defect: false,
        });
      }),
      { numRuns: 1000 },
    );
  });

  it("takes two megabytes of dots in a moment", () => {
    const wire = Buffer.concat([Buffer.from("..\r\n".repeat(524_288)), Buffer.from(".\r\n")]);
    const before = process.cpuUsage();
    expect(read(wire, [65_536], false).body).toHaveLength(wire.length - 3);
    // The library's own reader needs 2.4 s of CPU for as much.
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });
});
