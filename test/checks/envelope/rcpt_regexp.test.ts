/** rcpt_regexp: each code of the list, and the sample that qpsmtpd comes with. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { rcpt_regexp } from "../../../src/checks/envelope/rcpt_regexp.ts";
import { ListScene } from "../list-scene.ts";

describe("rcpt_regexp", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (to: string) => scene.ask({ to });

  it("gives the verdicts of the original's sample; OK skips the directory", async () => {
    const sample = [
      "# rcpt_regexp - config for rcpt_regexp plugin",
      "me@ours.example           OK       Accepting mail",
      String.raw`/^user\d+\@ours\.example$/   OK       Accepting mail`,
      "info@ours.example         DENY     User not found.",
      String.raw`/^unused\@.*/           DENY     User not found.`,
      "/^.*$/                  DECLINED Fall through to next rcpt plugin",
    ];
    scene.write(sample.join("\n")).start(rcpt_regexp);
    expect(await ask("ME@ours.example")).toBe("N");
    expect(await ask("user7@ours.example")).toBe("N");
    expect(await ask("info@ours.example")).toBe("E550 5.1.1 User not found.");
    expect(await ask("Unused@far.test")).toBe("E550 5.7.1 User not found.");
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("me")).toBe("");
    expect(await ask("user7@alias.example")).toBe("N");
  });

  it("has a code, an ending and a text for each word, in either letter case", async () => {
    const codes = ["DENY", "denysoft", "DENYHARD", "DENY_DISCONNECT", "denysoft_disconnect", "DONE", "declined"];
    scene.write(codes.map((code, n) => `/^u${n}@/ ${code}`).join("\n")).start(rcpt_regexp);
    const text = "Address not accepted here";
    expect(await Promise.all(codes.map((_, n) => ask(`u${n}@ours.example`)))).toEqual([
      `E550 5.1.1 ${text}`,
      `E450 4.7.1 ${text}`,
      `E550 5.1.1 ${text} close`,
      `E550 5.1.1 ${text} close`,
      `E450 4.7.1 ${text} close`,
      "N",
      "",
    ]);
  });

  it("goes by the first line that matches, whether it is an address or a pattern, in a list of 100,000 lines too", async () => {
    const list = [
      "first@ours.example DENY address",
      "/^(?:first|second)@/ DENY pattern",
      "second@ours.example DENY address",
      "first@ours.example DENY later",
      ...Array.from({ length: 99_995 }, (_, n) => `user${n}@ours.example DENY no ${n}`),
      "/^user99994@/ DENY pattern",
    ];
    scene.write(list.join("\n")).start(rcpt_regexp);
    expect(await ask("first@ours.example")).toBe("E550 5.1.1 address");
    expect(await ask("second@alias.example")).toBe("E550 5.1.1 pattern");
    expect(await ask("user99994@ours.example")).toBe("E550 5.1.1 no 99994");
    expect(await ask("vera@ours.example")).toBe("");
  });

  it("skips lines without a code or with a word that is none, and says so", async () => {
    scene.write("vera@ours.example\nvera@ours.example Deny x\nvera@ours.example PERHAPS\n").start(rcpt_regexp);
    expect(await ask("vera@ours.example")).toBe("");
    expect(scene.log.lines.map((line) => /:\d: (.*)"/.exec(line)?.[1])).toEqual([
      "has no code behind the pattern",
      String.raw`\"Deny\" is not a code`,
      String.raw`\"PERHAPS\" is not a code`,
    ]);
  });
});
