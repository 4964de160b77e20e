/** The line reader: every cut of the same octets gives the same lines. RFC 5321 2.3.8. */
import { once } from "node:events";

import fc from "fast-check";
import { expect, it } from "vitest";

import { Parser } from "../../src/smtp/message/parser.ts";

interface Read {
  readonly lines: string[];
  readonly parser: Parser;
  write(...chunks: readonly string[]): Promise<void>;
}

/** A parser whose lines are answered at once, or each in a turn of its own. */
function read(answer: (next: () => void) => void = (next) => next()): Read {
  const lines: string[] = [];
  const parser = new Parser((line, next) => {
    lines.push(line);
    answer(next);
  });
  const write = async (...chunks: readonly string[]): Promise<void> => {
    for (const chunk of chunks) {
      const written = new Promise<void>((resolve) => parser.write(chunk, "latin1", () => resolve()));
      await written;
    }
  };
  return { lines, parser, write };
}

const slowly = (next: () => void): void => void setImmediate(next);

it.each([
  ["at once", (next: () => void): void => next()],
  ["later", slowly],
])("hands on the same lines however they are cut, answered %s", async (_when, answer) => {
  // A line that begins beyond ASCII would be taken for a TLS handshake.
  const line = fc
    .string({ unit: fc.constantFrom("a", "B", " ", "\r", "\xe9", "<", "."), maxLength: 40 })
    .map((rest) => rest.replace(/^\xe9+/, "a"));
  const text = fc.array(fc.tuple(line, fc.constantFrom("\r\n", "\n")), { maxLength: 150 });
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, cuts, async (parts, lengths) => {
      const whole = parts.flat().join("");
      const chunks: string[] = [];
      for (let at = 0, i = 0; at < whole.length; i++) {
        const length = lengths[i % lengths.length] ?? 1;
        chunks.push(whole.slice(at, at + length));
        at += length;
      }
      const { lines, write } = read(answer);
      await write(...chunks);
      const wanted = whole.split("\n").slice(0, -1);
      expect(lines).toEqual(wanted.map((one) => (one.endsWith("\r") ? one.slice(0, -1) : `${one}\n`)));
    }),
    { numRuns: 100 },
  );
});

it("reads a chunk of thousands of lines whole, and lets others have their turn in between", async () => {
  const { lines, write } = read();
  const wanted = Array.from({ length: 5000 }, (_, i) => `RCPT TO:<user${i}@example.com>`);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const immediate = setImmediate(function again() {
    turns++;
    setImmediate(again);
  });
  await write(`${wanted.join("\r\n")}\r\n`);
  clearInterval(timer);
  clearImmediate(immediate);
  expect(lines).toEqual(wanted);
  expect(turns).toBeGreaterThan(10);
});

it("gives a message what is behind its DATA to the octet, and reads commands behind its end", async () => {
  const body = `${"\x00\xff.x".repeat(5000)}\r\n`;
  const { lines, parser, write } = read((next) => {
    if (lines.at(-1) === "DATA") {
      parser.startMessage((chunk, done) => {
        taken += chunk.toString("latin1");
        const end = taken.indexOf("\r\n.\r\n");
        done(end < 0 ? undefined : Buffer.from(taken.slice(end + 5), "latin1"));
      });
    }
    next();
  });
  let taken = "";
  await write("NOOP\r\nDATA\r\n", body.slice(0, 7), body.slice(7), ".\r\nRSET\r\nNO", "OP\r\n");
  expect(lines).toEqual(["NOOP", "DATA", "RSET", "NOOP"]);
  taken = "";
  await write(`${"NOOP\r\n".repeat(3000)}DATA\r\n${body}.\r\nQUIT\r\n`);
  expect(taken).toBe(`${body}.\r\nQUIT\r\n`);
  expect(lines.slice(4)).toEqual([...Array.from({ length: 3000 }, () => "NOOP"), "DATA", "QUIT"]);
});

it.each([
  ["a line", `${"x".repeat(12_289)}\r\n`],
  ["a line without CR", `${"x".repeat(12_289)}\n`],
  ["the beginning of a line", "x".repeat(12_289)],
])("refuses %s of more than 12,288 octets, whatever came before it", async (_what, long) => {
  const { lines, parser } = read();
  const failed = once(parser, "error");
  parser.write(`NOOP\r\n${"y".repeat(12_288)}\r\n${long}`);
  await failed;
  expect(lines).toEqual(["NOOP", "y".repeat(12_288)]);
});

it("hands on no half command at the end of the stream, and nothing once it is closed", async () => {
  const { lines, parser, write } = read();
  await write("NOOP\r\nQUI");
  expect(parser.hasPartialLine).toBe(true);
  parser.end();
  await once(parser, "finish");
  expect(lines).toEqual(["NOOP"]);
  const closed = read((next) => {
    closed.parser.isClosed = true;
    next();
  });
  await closed.write("NOOP\r\nRSET\r\nQUIT");
  expect(closed.lines).toEqual(["NOOP"]);
});

it("hands on the beginning of a TLS handshake without a line feed", async () => {
  const { lines, write } = read();
  await write("\x16\x03\x01\x02");
  expect(lines).toEqual(["\x16\x03\x01\x02"]);
});
