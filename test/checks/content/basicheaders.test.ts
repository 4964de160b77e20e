/** basicheaders: the five replies of the original, and those that are younger. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { basicheaders } from "../../../src/checks/content/basicheaders.ts";
import { mailDate } from "../../../src/mail/received.ts";
import { parseDate } from "../../../src/message/date.ts";
import { silentLog } from "../../../src/report/log.ts";
import { asPrinted, Clock, makeSession, messageOf, startCheck } from "../fixture.ts";

const now = Date.UTC(2026, 10, 28, 12);
const day = 86_400_000;
const header = (date: string): string => `From: a@far.test\r\nDate: ${date}\r\n`;
const dated = (at: number): string => header(mailDate(new Date(at)));

async function ask(
  text: string,
  values: Readonly<Record<string, unknown>> = {},
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const clock = new Clock();
  clock.time = now;
  const run = startCheck(basicheaders, values, silentLog, clock.now);
  return asPrinted((await run.message?.(makeSession(variables), messageOf(text))) ?? { kind: "drop" });
}

describe("basicheaders", () => {
  it("has five replies for five messages, in the original's order", async () => {
    const within = { past: "5d", future: "1d" };
    expect(await ask("", within)).toBe("E554 5.6.0 You have to send some data first");
    expect(await ask("Subject: x\r\n", within)).toBe("E554 5.6.0 Mail with no From header not accepted here");
    expect(await ask("From: a@far.test\r\n", within)).toBe("E554 5.6.0 Mail with no Date header not accepted here");
    expect(await ask(dated(now - 5 * day - 1000), within)).toBe(
      "E554 5.6.0 The Date in the header was too far in the past",
    );
    expect(await ask(dated(now + day + 1000), within)).toBe(
      "E554 5.6.0 The Date in the header was too far in the future",
    );
    for (const at of [now - 5 * day, now, now + day]) {
      expect(await ask(dated(at), within)).toBe("");
    }
  });

  it("passes a Date that cannot be parsed, and any Date by default", async () => {
    expect(await ask(header("yesterday-ish"), { past: "1d", future: "1d" })).toBe("");
    expect(await ask(dated(now - 10_000 * day))).toBe("");
    expect(await ask(dated(now + 10_000 * day))).toBe("");
  });

  it("takes a field without a value for none", async () => {
    expect(await ask("From: \r\n \r\nDate: x\r\n")).toContain("no From header");
    expect(await ask("X: y\r\n", { require: [] })).toBe("");
    expect(await ask(header("x"), { require: ["message-id"] })).toContain("no message-id header");
  });

  it("refuses a field that occurs twice, if asked to", async () => {
    const twice = `${header("x")}SUBJECT: a\r\nSubject: b\r\n`;
    expect(await ask(twice)).toBe("");
    expect(await ask(twice, { single: true })).toBe(
      "E554 5.6.0 Only one Subject header allowed. See RFC 5322, Section 3.6",
    );
    expect(await ask(`${header("x")}Received: a\r\nReceived: b\r\n`, { single: true })).toBe("");
  });

  it("leaves immune clients alone, but not with an empty message", async () => {
    for (const variables of [{ RELAYCLIENT: "" }, { SMTPAUTHUSER: "vera" }]) {
      expect(await ask("Subject: x\r\n", {}, variables)).toBe("");
      expect(await ask("", {}, variables)).toContain("some data first");
      expect(await ask("Subject: x\r\n", { immune: false }, variables)).toContain("no From header");
    }
    const session = makeSession();
    session.clientWhitelisted = true;
    expect(startCheck(basicheaders).message?.(session, messageOf("Subject: x\r\n"))).toEqual({ kind: "pass" });
  });

  it("takes no name that cannot be one of a field", async () => {
    await expect(ask("", { require: ["From:"] })).rejects.toThrow("name of a header field");
  });
});

describe("the date of a message", () => {
  it("is read in the forms of RFC 5322, obsolete ones too", () => {
    const noon = Date.UTC(2026, 10, 28, 12);
    for (const text of [
      "Sat, 28 Nov 2026 12:00:00 +0000",
      "28 Nov 2026 12:00 GMT",
      "Sat, 28 Nov 2026 13:00:00 +0100 (CET (winter))",
      "Saturday, 28 November 26 07:00:00 EST",
      "sat ,28 nov 126 12 : 00 : 00 Z",
      "28 Nov 2026 12:00:00",
      "Sat, 28 Nov 2026 06:30:00 -0530",
    ]) {
      expect(parseDate(text), text).toBe(noon);
    }
    expect(parseDate("31 Dec 2016 23:59:60 +0000")).toBe(Date.UTC(2017, 0, 1));
  });

  it("is not read where it is none", () => {
    for (const text of ["", "x", "5", "yesterday 5", "30 Feb 2026 12:00:00 +0000", "1 Xyz 2026 12:00:00 +0000"]) {
      expect(parseDate(text), text).toBeUndefined();
    }
    for (const text of ["1 Jan 2026 24:00:00 +0000", "1 Jan 2026 10:60:00 +0000", "2026-11-28T12:00:00Z"]) {
      expect(parseDate(text), text).toBeUndefined();
    }
  });

  it("is what it was written from", () => {
    fc.assert(
      fc.property(fc.integer({ min: -30_000, max: 200_000 }), fc.integer({ min: 0, max: 86_399 }), (days, second) => {
        const at = (days * 86_400 + second) * 1000;
        expect(parseDate(mailDate(new Date(at)))).toBe(at);
      }),
    );
  });

  it("never takes long, whatever comes", () => {
    const begun = performance.now();
    for (const piece of ["(", ")", " ", "1 ", "a", "1:", "()"]) {
      parseDate(piece.repeat(100_000));
      parseDate(piece.repeat(100).slice(0, 199));
    }
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});
