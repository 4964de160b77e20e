/** Command lines to commands or replies, by explicit cases; the properties are in test/fuzz. */
import { describe, expect, it } from "vitest";

import { parseHelo, parseMail, parseRcpt, plainRecipient, splitLine } from "../../src/smtp/session/command.ts";

const codeOf = (value: object): number | undefined => ("code" in value ? (value.code as number) : undefined);

describe("commands", () => {
  it("split into a verb in capitals and an argument without blanks around it", () => {
    expect(splitLine("mail  FROM:<a> ")).toEqual({ verb: "MAIL", argument: "FROM:<a>" });
    expect(splitLine("quit\t")).toEqual({ verb: "QUIT", argument: "" });
    expect(splitLine("")).toEqual({ verb: "", argument: "" });
    expect(splitLine(" QUIT")).toEqual({ verb: "", argument: "QUIT" });
  });

  it("HELO names are printable, without blanks, bounded", () => {
    expect(parseHelo("[192.0.2.1]")).toBe("[192.0.2.1]");
    // No host name has an underscore, and many a client calls itself so.
    expect(parseHelo("my_printer")).toBe("my_printer");
    for (const name of ["", "a b", "a\x07", "ä", "a".repeat(256)]) {
      expect(parseHelo(name), name).toBeUndefined();
    }
  });

  it.each([
    ["FROM:<>", undefined],
    ["from: <a@b.example>", "a@b.example"],
    ["FROM:<A@B.Example>", "A@B.Example"],
    ["FROM:<@x.example,@y.example:a@b.example>", "a@b.example"],
    ['FROM:<"a>b"@b.example>', '"a>b"@b.example'],
    ['FROM:<"@x:y"@b.example>', '"@x:y"@b.example'],
  ])("MAIL %s is from %s", (argument, raw) => {
    const command = parseMail(argument, false);
    expect("sender" in command ? command.sender?.raw : command).toBe(raw);
  });

  it.each([
    ["FROM:a@b.example", 501],
    ["FROM <a@b.example>", 501],
    ["FROM:<a@b.example", 501],
    ["FROM:<<a@b.example>>", 501],
    ["FROM:<a@b.example>SIZE=1", 501],
    ["FROM:< a@b.example >", 501],
    ["TO:<a@b.example>", 501],
    ["XFROM:<a@b.example>", 501],
    ["", 501],
    ["FROM:<a@b.example> SIZE=123456789012345678901", 501],
    ["FROM:<a@b.example> BODY=", 501],
    ["FROM:<a@b.example> =1", 555],
    ["FROM:<a@b.example> AUTH=<>", 555],
    ["FROM:<\xe4@b.example>", 553],
  ])("MAIL %s is %i", (argument, code) => {
    expect(codeOf(parseMail(argument, false))).toBe(code);
  });

  it("takes SIZE and BODY in any order and case, AUTH where it is offered", () => {
    const none = { sender: undefined, eightBit: false, size: 0, dsn: "", utf8: false, parameters: [] };
    expect(parseMail("FROM:<>", true)).toEqual(none);
    const sized = { ...none, eightBit: true, size: 77, parameters: ["body=8bitmime", "Size=077"] };
    expect(parseMail("FROM:<> body=8bitmime Size=077", true)).toEqual(sized);
    const asked = { ...none, parameters: ["AUTH=<>", "BODY=7BIT"] };
    expect(parseMail("FROM:<> AUTH=<> BODY=7BIT", true)).toEqual(asked);
    expect(codeOf(parseMail("FROM:<> AUTH=", true))).toBe(555);
  });

  it("RCPT knows no parameter and no null path", () => {
    expect(parseRcpt("TO:<a@b.example>")).toMatchObject({ raw: "a@b.example" });
    expect(parseRcpt("to: <postmaster>")).toMatchObject({ raw: "postmaster", domain: "" });
    expect(codeOf(parseRcpt("TO:<>"))).toBe(501);
    expect(codeOf(parseRcpt("FROM:<a@b.example>"))).toBe(501);
    expect(codeOf(parseRcpt("TO:<a@b.example> NOTIFY=NEVER"))).toBe(555);
  });

  it.each([
    "TO:<Anna@B.example>",
    "TO:<postmaster>",
    'TO:<"a> b"@b.example>',
    "TO:<a@[192.0.2.1]>",
    "TO:<@x.example:a@b.example>",
    "TO:<a@b.example> NOTIFY=<>",
    "TO:< a@b.example >",
    "TO:<\xe4@b.example>",
    "TO:<a@b\xe4.example>",
    "to:<a@b.example>",
    "TO:<a@b.example",
    "TO:<>",
  ])("RCPT %s is the same read in the plain way, if it can be", (argument) => {
    for (const lenient of [false, true]) {
      const full = parseRcpt(argument, { lenient, utf8: true, offered: { dsn: true, smtputf8: true }, isUtf8: true });
      expect(plainRecipient(argument) ?? full).toEqual(full);
    }
  });

  it("reads a line made to try everything in no time", () => {
    const began = performance.now();
    for (const line of [
      ':<"'.repeat(4000),
      `FROM:${'<"'.repeat(6000)}`,
      `FROM:<${'"a"'.repeat(4000)}`,
      `FROM:${" ".repeat(12_000)}x`,
    ]) {
      expect(codeOf(parseMail(line, false))).toBe(501);
      expect(codeOf(parseRcpt(line))).toBe(501);
    }
    expect(performance.now() - began).toBeLessThan(250);
  });
});
