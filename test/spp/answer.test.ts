import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Lines, readCommand } from "../../src/spp/answer.ts";
import type { Command } from "../../src/spp/answer.ts";
import type { PluginHook } from "../../src/spp/config.ts";
import { wordsOf } from "./scene.ts";

function words(line: string, hook: PluginHook = "rcpt"): string {
  const command: Command = readCommand(line, hook);
  switch (command.kind) {
    case "verdict":
      return wordsOf(command.verdict);
    case "effect":
      return JSON.stringify(command.effect);
    case "fault":
      return `fault: ${command.why}`;
    case "ignored":
      return command.why === undefined ? "ignored" : `ignored: ${command.why}`;
  }
}

/** A text as a plugin's output holds it: UTF-8, one character an octet. */
function octets(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** What a refusal writes to the client. */
function wireOf(command: Command): string {
  return command.kind === "verdict" && command.verdict.kind === "refuse" ? command.verdict.reply.wire : "";
}

describe("a plugin's command", () => {
  it.each([
    ["A", "accept-session"],
    ["N", "next"],
    ["O", "ok"],
    ["Onlyo", "ok"],
    ["D", "drop"],
    ["Drop", "drop"],
    ["E550 no", "550 no"],
    ["E250 thrown away", "250 thrown away"],
    ["E550-no", "550 no"],
    ["R554 bye", "554 bye; close"],
    ["E550 a\rb\x1b[1m", "550 ab[1m"],
    [octets("E550 schön"), "550 sch?n"],
    ["Eno", "fault: bad reply"],
    ["E", "fault: bad reply"],
    ["E550", "fault: bad reply"],
    ["E150 x", "fault: bad reply"],
    ["E5500 x", "fault: bad reply"],
    ["R 554 x", "fault: bad reply"],
    ["LRx", "fault: bad reply"],
    ["LX450 x", "ignored"],
    ["L", "ignored"],
    ["X550 no", "ignored"],
    ["e550 no", "ignored"],
    [" E550 no", "ignored"],
    ["S=x", "ignored: no name=value"],
    ["Sx", "ignored: no name=value"],
    ["U", "ignored"],
    ["Hno header", "ignored: no header line"],
    ["H: x", "ignored: no header line"],
    ["H", "ignored: no header line"],
    [`HX-Long: ${"x".repeat(1000)}`, "ignored: no header line"],
    ["Ca b@c", "fault: bad address"],
    ["C<a@b.test>", "fault: bad address"],
    ["C", "fault: bad address"],
  ])("%j is %s", (line, wanted) => {
    expect(words(line)).toBe(wanted);
  });

  it.each([
    ["Sspam=1", { kind: "set", name: "spam", value: "1" }],
    ["Sa=b=c", { kind: "set", name: "a", value: "b=c" }],
    ["Sa=", { kind: "set", name: "a", value: "" }],
    ["Sa=b\0c", { kind: "set", name: "a", value: "b" }],
    ["Uspam", { kind: "unset", name: "spam" }],
    ["HX-Spam-Flag: YES", { kind: "header", line: "X-Spam-Flag: YES" }],
    ["HX-Spam:\tYES\r", { kind: "header", line: "X-Spam: YES" }],
    [octets("HX-Name: ü\u010d\u010a"), { kind: "header", line: octets("X-Name: ü\u010d\u010a") }],
    [octets("Sname=ü"), { kind: "set", name: "name", value: "ü" }],
    ["P220-hi", { kind: "print", line: "220-hi" }],
    ["P220-h\ri\0", { kind: "print", line: "220-hi" }],
    ["P", { kind: "print", line: "" }],
    ["LM451 not now", { kind: "refuse-later", hook: "mail", line: "451 not now" }],
    ["LR450-later", { kind: "refuse-later", hook: "rcpt", line: "450-later" }],
    ["LD554 x\r", { kind: "refuse-later", hook: "data", line: "554 x" }],
    ["CSpam@MyHost.com", { kind: "address", mailbox: { raw: "Spam@MyHost.com", user: "Spam", domain: "myhost.com" } }],
  ])("%j is %j", (line, effect) => {
    expect(readCommand(line, "rcpt")).toEqual({ kind: "effect", effect });
  });

  it("changes an address at mail and rcpt only, and to the null sender at mail only", () => {
    expect(words("Ca@b.test", "helo")).toBe("ignored");
    expect(words("C", "data")).toBe("ignored");
    expect(readCommand("C", "mail")).toEqual({ kind: "effect", effect: { kind: "address", mailbox: undefined } });
  });

  it("never lets a line through that could be two", () => {
    const letters = fc.constantFrom("E550 ", "R554 ", "LM4", "LR450-", "HX: ", "P220-", "C", "");
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(letters, text, fc.constantFrom<PluginHook>("mail", "rcpt", "data"), (letter, rest, hook) => {
        const command = readCommand(octets(letter + rest), hook);
        expect(wireOf(command)).toMatch(/^(?:[2-5]\d\d [\x20-\x7e]{0,500}\r\n)?$/);
        const line = command.kind === "effect" && "line" in command.effect ? command.effect.line : "";
        expect(line).not.toMatch(/[\x00-\x1f\x7f]/);
        // What is written as Latin-1 must not lose bits: U+010A would become a line feed.
        expect(line).not.toMatch(/[^\x00-\xff]/);
        expect(line.length).toBeLessThanOrEqual(998);
      }),
    );
  });
});

describe("a plugin's output", () => {
  it("takes a last line without a line end whole, and leaves out empty lines", () => {
    const lines = new Lines();
    expect(lines.feed(Buffer.from("\n\nSa=1\nE550 no"))).toEqual(["Sa=1"]);
    expect(lines.end()).toBe("E550 no");
    expect(lines.end()).toBeUndefined();
  });

  it("comes to the same lines however it is cut", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(200)), (bytes, cuts) => {
        const all = Buffer.from(bytes);
        const whole = new Lines();
        const wanted = [...whole.feed(all), whole.end()];
        const parts = new Lines();
        const places = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
        const got = places.slice(1).flatMap((to, i) => parts.feed(all.subarray(places[i], to)));
        expect([...got, parts.end()]).toEqual(wanted);
      }),
    );
  });
});
