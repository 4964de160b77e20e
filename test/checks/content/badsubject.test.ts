/** badsubject: subjects of a list, however they are written on the wire. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badsubject } from "../../../src/checks/content/badsubject.ts";
import { ListScene } from "../list-scene.ts";

const subjects = "ATTENTION FUND BENEFICIARY.\nDONATION   CASH AID AWARD\nGrüße aus Übersee\n";
const encoded = `=?utf-8?B?${Buffer.from("DONATION CASH AID AWARD").toString("base64")}?=`;
const no = "E554 5.7.1 Message subject not accepted here";

describe("badsubject", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());

  const ask = (header: string, variables = {}): Promise<string> => scene.askMessage(header, { variables });

  it("refuses a listed subject, in any letter case, encoding, folding and spacing", async () => {
    scene.write(subjects).start(badsubject);
    for (const one of [
      "attention fund beneficiary.",
      encoded,
      "DONATION\r\n CASH\t AID   AWARD ",
      "=?iso-8859-1?Q?Gr=FC=DFe_aus?= =?utf-8?Q?_=C3=9Cbersee?=",
      "Gr\xc3\xbc\xc3\x9fe aus \xc3\x9cbersee",
      "Gru\xcc\x88\xc3\x9fe aus U\xcc\x88bersee",
    ]) {
      expect(await ask(`From: a@far.test\r\nsubject: ${one}\r\n`), one).toBe(no);
    }
  });

  it("passes others, a message without one, and by default what only contains a line", async () => {
    scene.write(subjects).start(badsubject);
    for (const one of [`Re: ${encoded}`, "", "=?nonsense?B?x?=", "=?utf-8?B?", "ATTENTION FUND BENEFICIARY"]) {
      expect(await ask(`Subject: ${one}\r\n`), one).toBe("");
    }
    expect(await ask("From: a@far.test\r\n")).toBe("");
  });

  it("with match = contains refuses what contains a line, in its first 998 characters", async () => {
    scene.write(subjects).start(badsubject, { match: "contains" });
    expect(await ask(`Subject: Re: ${encoded}\r\n`)).toBe(no);
    expect(await ask(`Subject: ${"x".repeat(998)} ATTENTION FUND BENEFICIARY.\r\n`)).toBe("");
  });

  it("looks at every Subject field, not at a hundred thousand", async () => {
    scene.write(subjects).start(badsubject);
    expect(await ask(`Subject: hello\r\nSubject: ${encoded}\r\n`)).toBe(no);
    const begun = performance.now();
    await ask("Subject: =?utf-8?Q?x?=\r\n".repeat(10_000));
    await ask(`Subject: ${"=?utf-8?Q?x?= ".repeat(18_000)}\r\n`);
    await ask(`Subject: ${" ".repeat(250_000)}x\r\n`);
    expect(performance.now() - begun).toBeLessThan(4000);
  });

  it("leaves immune clients alone, and does nothing while its list is missing", async () => {
    scene.write(subjects).start(badsubject);
    expect(await ask(`Subject: ${encoded}\r\n`, { RELAYCLIENT: "" })).toBe("");
    expect(await ask(`Subject: ${encoded}\r\n`, { SMTPAUTHUSER: "vera" })).toBe("");
    scene.remove();
    expect(await ask(`Subject: ${encoded}\r\n`)).toBe("");
  });

  it("says which line can never match", async () => {
    scene.write(`${"x".repeat(999)}\nshort\n`).start(badsubject);
    expect(await ask("Subject: short\r\n")).toBe(no);
    expect(scene.log.lines.join()).toContain(":1");
  });
});
