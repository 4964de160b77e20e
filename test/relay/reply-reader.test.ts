/** Replies of a next hop that never end: given up at a bound, not at the time limit. RFC 5321 4.5.3.1.5. */
import { afterEach, describe, expect, it } from "vitest";

import { ReplyReader } from "../../src/couriers/smtp/reply-reader.ts";
import { closeScenes, hello, scene, send } from "./scene.ts";

afterEach(closeScenes);

const maxLine = 4096;
const maxLines = 128;

function read(text: string, reader = new ReplyReader()): string[][] {
  return [...reader.push(Buffer.from(text, "latin1"))].map(({ lines }) => [...lines]);
}

describe("the reply reader", () => {
  it("takes a line of exactly its bound, whole or in pieces, and no octet more", () => {
    const line = `250 ${"x".repeat(maxLine - 4)}`;
    expect(read(`${line}\r\n`)).toEqual([[line.slice(4)]]);
    expect(() => read(`${line}x\r\n`)).toThrow(SyntaxError);
    const reader = new ReplyReader();
    expect(read(line, reader)).toEqual([]);
    expect(read("\r\n", reader)).toEqual([[line.slice(4)]]);
    expect(() => read(`${line}x`)).toThrow("line too long");
  });

  it("keeps no more of a line without end than its bound, however small the pieces", () => {
    const reader = new ReplyReader();
    for (let i = 0; i < maxLine; i++) {
      expect(read("2", reader)).toEqual([]);
    }
    expect(() => read("2", reader)).toThrow("line too long");
  });

  it("takes a reply of exactly so many lines, and not one more, even where it would be the last", () => {
    const more = "250-x\r\n";
    expect(read(`${more.repeat(maxLines - 1)}250 x\r\n`)).toEqual([Array.from({ length: maxLines }, () => "x")]);
    expect(() => read(`${more.repeat(maxLines)}250 x\r\n`)).toThrow(SyntaxError);
    const reader = new ReplyReader();
    for (let i = 0; i < maxLines; i++) {
      expect(read(more, reader)).toEqual([]);
    }
    expect(() => read(more, reader)).toThrow(SyntaxError);
  });

  it("counts the lines of each reply for itself", () => {
    const one = `${"250-x\r\n".repeat(maxLines - 1)}250 x\r\n`;
    expect(read(one.repeat(5))).toHaveLength(5);
  });
});

describe("a next hop whose reply never ends", () => {
  it.each([
    ["a line without end", { endless: "2".repeat(1000), bare: true }],
    ["continuation lines without end", { endless: "250-more" }],
    ["long lines without end", { endless: `250-${"x".repeat(5000)}` }],
  ])("is given up at the bound, long before its time is over: %s", async (_, answer) => {
    for (const stage of ["greeting", "ehlo", "mail", "dot"] as const) {
      const { relay, hop } = await scene({ answers: { [stage]: answer } }, "", {}, "20s");
      const client = await hello(relay);
      const started = performance.now();
      const replies = await send(client);
      expect(
        replies.find((text) => !/^(?:250|354)/.test(text)),
        stage,
      ).toMatch(/^451 4\.4\.[12] /);
      expect(replies.at(-1), stage).not.toMatch(/^250/);
      await hop.until(() => hop.open === 0);
      expect(performance.now() - started, stage).toBeLessThan(5000);
      // What is in the buffers of the kernel on both sides, and no more.
      expect(hop.written, stage).toBeLessThan(8_000_000);
      client.close();
    }
  });
});
