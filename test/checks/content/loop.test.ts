/** loop: counts trace fields of the header, and nothing that only looks like one. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { countHops, loop } from "../../../src/checks/content/loop.ts";
import { makeSession, messageOf, startCheck } from "../fixture.ts";

const received = "Received: from a by b\r\n\twith SMTP; 1 Jan 2026 00:00:00 +0000\r\n";

describe("loop", () => {
  const check = startCheck(loop);
  const judge = (header: string) => check.message?.(makeSession(), messageOf(header));

  it("passes 100 hops and refuses 101", () => {
    expect(judge(received.repeat(100))).toEqual({ kind: "pass" });
    expect(judge(received.repeat(101))).toEqual({
      kind: "refuse",
      reason: "loop",
      reply: { code: 554, wire: "554 5.4.6 Too many hops, this message is looping\r\n" },
    });
  });

  it("counts Received and Delivered-To together", () => {
    expect(judge(`${received.repeat(60)}${"Delivered-To: a@b.test\r\n".repeat(41)}`)).toMatchObject({ kind: "refuse" });
  });

  it("takes its limit from the settings", () => {
    const strict = startCheck(loop, { max: 10 });
    const header = received.repeat(11);
    expect(strict.message?.(makeSession(), messageOf(header))).toMatchObject({ kind: "refuse" });
  });

  it("counts field names in any letter case, at the start of a line only", () => {
    expect(countHops("RECEIVED: a\r\nreceived: b\r\ndelivered-TO : c\r\n")).toBe(3);
    expect(countHops("Subject: Received: a\r\n Received: folded\r\nX-Received: b\r\nReceived-SPF: pass\r\n")).toBe(0);
  });

  it("counts lines that end with LF alone", () => {
    expect(countHops("Received: a\nReceived: b\n")).toBe(2);
  });

  it("counts nothing of the body", () => {
    expect(countHops(`Received: a\r\n\r\n${received.repeat(200)}`)).toBe(1);
    expect(countHops(`\r\n${received.repeat(200)}`)).toBe(0);
  });

  it("counts every trace field among other fields", () => {
    const field = fc.constantFrom(received, "Delivered-To: x@y.test\r\n", "Subject: hello\r\n", "X-Received: no\r\n");
    fc.assert(
      fc.property(fc.array(field, { maxLength: 50 }), (fields) => {
        const expected = fields.filter((one) => /^[RD]e/.test(one)).length;
        expect(countHops(fields.join(""))).toBe(expected);
      }),
    );
  });

  it("answers a header of 256 KiB of near misses at once", () => {
    const started = performance.now();
    countHops("received\n".repeat(30_000));
    countHops(`received${" \t".repeat(130_000)}`);
    countHops("\r\n \r\n ".repeat(40_000));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
