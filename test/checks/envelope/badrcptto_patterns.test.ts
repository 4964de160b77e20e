/** badrcptto_patterns: what the patterns are tried on, and what the client is told. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badrcptto_patterns } from "../../../src/checks/envelope/badrcptto_patterns.ts";
import { ListScene } from "../list-scene.ts";

describe("badrcptto_patterns", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (to: string, variables = {}) => scene.ask({ to, variables });
  /** The sample that qpsmtpd comes with. */
  const sample = [
    "# Format is pattern\\s+Response",
    "!\t\tSorry, bang paths not accepted here",
    "@.*@\t\tSorry, multiple at signs not accepted here",
    "%\t\tSorry, percent hack not accepted here",
  ].join("\n");

  it("tells the client what stands behind the first pattern that matches", async () => {
    scene.write(sample).start(badrcptto_patterns);
    expect(await ask("a%b@ours.example")).toBe("E550 5.7.1 Sorry, percent hack not accepted here");
    expect(await ask("a!b%c@ours.example")).toBe("E550 5.7.1 Sorry, bang paths not accepted here");
    expect(await ask('"a@b"@ours.example')).toBe("E550 5.7.1 Sorry, multiple at signs not accepted here");
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("vera")).toBe("");
  });

  it("is tried on the address in lower case, and has words of its own for a line without any", async () => {
    scene.write("^vera@\n^OTTO@ never\n@ours\\.example$ domain\n").start(badrcptto_patterns);
    expect(await ask("VERA@ours.example")).toBe("E550 5.7.1 Address not accepted here");
    expect(await ask("otto@OURS.example")).toBe("E550 5.7.1 domain");
    expect(await ask("otto@alias.example")).toBe("E550 5.7.1 domain");
  });

  it("leaves alone relay clients and users that have logged in, but nobody else", async () => {
    scene.write(sample).start(badrcptto_patterns);
    expect(await ask("a%b@ours.example", { RELAYCLIENT: "" })).toBe("");
    expect(await ask("a%b@ours.example", { SMTPAUTHUSER: "vera" })).toBe("");
    expect(await ask("a%b@ours.example", { NOGOODMAILTO: "" })).toContain("550");
  });
});
