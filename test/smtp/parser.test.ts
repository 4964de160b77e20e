/** The line reader: every cut of the same octets gives the same lines. RFC 5321 2.3.8. */
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";

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

const atOnce = (next: () => void): void => next();
/** What all sockets read into. */
const shared = Buffer.alloc(1000);

type Give = (parser: Parser, chunk: string) => boolean;

/** As a socket does it that reads into a buffer of its own each time. */
const ownBuffer: Give = (parser, chunk) => parser.write(Buffer.from(chunk, "latin1"));

/** As a socket does it that shares its buffer with others, which read into it next. */
const oneBuffer: Give = (parser, chunk) => {
  const goesOn = parser.receive(shared, shared.write(chunk, "latin1"));
  shared.fill("?");
  return goesOn;
};

/** A socket waits for nothing, and several chunks may come in one turn of the event loop. */
async function pour({ parser }: Read, chunks: readonly string[], together: number, give: Give): Promise<void> {
  for (const [i, chunk] of chunks.entries()) {
    if (!give(parser, chunk)) {
      await once(parser, "drain");
    } else if (i % together === 0) {
      await turn();
    }
  }
  parser.end();
  await once(parser, "finish");
}

it.each([
  ["at once", atOnce, 0, ownBuffer],
  ["later", slowly, 0, ownBuffer],
  ["at once, and come from a socket", atOnce, 1, ownBuffer],
  ["later, and come from a socket", slowly, 1, ownBuffer],
  ["at once, and come from a socket together", atOnce, 3, ownBuffer],
  ["later, and come from a socket together", slowly, 1000, ownBuffer],
  ["at once, and come in one buffer", atOnce, 1, oneBuffer],
  ["later, and come in one buffer", slowly, 1, oneBuffer],
  ["at once, and come in one buffer together", atOnce, 3, oneBuffer],
  ["later, and come in one buffer together", slowly, 1000, oneBuffer],
])("hands on the same lines however they are cut, if they are answered %s", async (_when, answer, together, give) => {
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
      const reading = read(answer);
      const { lines } = reading;
      await (together === 0 ? reading.write(...chunks) : pour(reading, chunks, together, give));
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

/** Reads lines, and what comes behind DATA as a message. */
function readMessages() {
  const message = { taken: "" };
  const reading = read((next) => {
    if (reading.lines.at(-1) === "DATA") {
      reading.parser.startMessage((chunk, done) => {
        message.taken += chunk.toString("latin1");
        const end = message.taken.indexOf("\r\n.\r\n");
        done(end < 0 ? undefined : Buffer.from(message.taken.slice(end + 5), "latin1"));
      });
    }
    next();
  });
  return { ...reading, message };
}

it("gives a message what is behind its DATA to the octet, and reads commands behind its end", async () => {
  const body = `${"\x00\xff.x".repeat(5000)}\r\n`;
  const { lines, write, message } = readMessages();
  await write("NOOP\r\nDATA\r\n", body.slice(0, 7), body.slice(7), ".\r\nRSET\r\nNO", "OP\r\n");
  expect(lines).toEqual(["NOOP", "DATA", "RSET", "NOOP"]);
  message.taken = "";
  await write(`${"NOOP\r\n".repeat(3000)}DATA\r\n${body}.\r\nQUIT\r\n`);
  expect(message.taken).toBe(`${body}.\r\nQUIT\r\n`);
  expect(lines.slice(4)).toEqual([...Array.from({ length: 3000 }, () => "NOOP"), "DATA", "QUIT"]);
});

it("gives a message what came with its DATA, and behind it, in a buffer that is used again", async () => {
  const { lines, parser, message } = readMessages();
  oneBuffer(parser, "NOOP\r\nDATA\r\nx\xff");
  await turn();
  expect([lines, message.taken]).toEqual([["NOOP", "DATA"], "x\xff"]);
  oneBuffer(parser, "y\x00");
  oneBuffer(parser, "z\r\n.\r\nRSET\r\n");
  oneBuffer(parser, "QUIT\r\n");
  await turn();
  expect(message.taken).toBe("x\xffy\x00z\r\n.\r\nRSET\r\n");
  expect(lines).toEqual(["NOOP", "DATA", "RSET", "QUIT"]);
});

it.each([
  ["a line", `${"x".repeat(12_289)}\r\n`],
  ["a line without CR", `${"x".repeat(12_289)}\n`],
  ["the beginning of a line", "x".repeat(12_289)],
])("refuses %s of more than 12,288 octets, whatever came before it", async (_what, long) => {
  for (const answer of [atOnce, slowly]) {
    for (const convert of [String, Buffer.from]) {
      const { lines, parser } = read(answer);
      const failed = once(parser, "error");
      parser.write(convert(`NOOP\r\n${"y".repeat(12_288)}\r\n${long}`));
      await failed;
      expect(lines).toEqual(["NOOP", "y".repeat(12_288)]);
    }
  }
});

it("holds a socket back while a command waits for its answer, and answers what came before its end", async () => {
  const waiting: (() => void)[] = [];
  const { lines, parser } = read((next) => waiting.push(next));
  const chunk = Buffer.from(`NOOP ${"x".repeat(60)}\r\n`.repeat(500));
  expect(parser.write(chunk)).toBe(true);
  await turn();
  expect(lines).toHaveLength(1);
  expect(parser.write(chunk)).toBe(false);
  parser.end();
  let isFinished = false;
  parser.on("finish", () => (isFinished = true));
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    expect(isFinished).toBe(false);
    next();
    await turn();
  }
  expect([lines.length, isFinished]).toEqual([1000, true]);
});

it("answers what a socket sent in the turn in which it ends", async () => {
  const { lines, parser } = read(slowly);
  parser.write(Buffer.from("RSET\r\nQUIT\r\n"));
  expect(parser.hasPartialLine).toBe(true);
  parser.end();
  await once(parser, "finish");
  expect(lines).toEqual(["RSET", "QUIT"]);
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
