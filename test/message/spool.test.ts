/** What is held comes back octet by octet, from memory and from a file that has no name. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { toWire, Unstuffer, WireWriter } from "../../src/message/dots.ts";
import { SpoolRoom } from "../../src/message/spool.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-spool-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("Spool", () => {
  it("gives back what it was given, in pieces of any size, and leaves no file", async () => {
    const room = new SpoolRoom({ folder, most: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 700_000 }), { maxLength: 8 }), async (sizes) => {
        const spool = room.open();
        expect(room.open()).toBeUndefined();
        const pieces = sizes.map((size, i) => Buffer.alloc(size, `${i}x`));
        for (const piece of pieces) {
          if (spool?.write(piece) === false) {
            await spool.drained();
          }
        }
        expect(readdirSync(folder)).toEqual([]);
        const back: Buffer[] = [];
        for await (const piece of spool?.read() ?? []) {
          back.push(piece);
        }
        spool?.close();
        expect(Buffer.concat(back).equals(Buffer.concat(pieces))).toBe(true);
        expect(room.taken).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("tells why it cannot hold, and takes no more", async () => {
    const spool = new SpoolRoom({ folder: join(folder, "nothere"), most: 1 }).open();
    spool?.write(Buffer.alloc(2_000_000));
    await spool?.drained();
    expect(spool?.fault?.message).toContain("ENOENT");
    spool?.close();
  });
});

describe("the wire form", () => {
  it("never ends a message early, whatever a check writes, and comes back as its lines", () => {
    const text = fc.array(fc.constantFrom(".", "\r", "\n", "\r\n", "a", "\0", "..", "\r\n.\r\n"), { maxLength: 40 });
    fc.assert(
      fc.property(text, fc.nat(20), (pieces, cut) => {
        const content = Buffer.from(pieces.join(""), "latin1");
        const writer = new WireWriter();
        const wire = Buffer.concat([
          writer.push(content.subarray(0, cut)),
          writer.push(content.subarray(cut)),
          writer.end(),
        ]).toString("latin1");
        expect(wire).toBe(toWire(content).toString("latin1"));
        expect(`\r\n${wire}`).not.toContain("\r\n.\r\n");
        expect(wire.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
        const lines = content
          .toString("latin1")
          .replaceAll("\0", "")
          .split(/\r\n|\r|\n/);
        const whole = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
        expect(new Unstuffer().push(Buffer.from(wire, "latin1")).toString("latin1")).toBe(
          whole.map((line) => `${line}\r\n`).join(""),
        );
      }),
    );
  });
});
