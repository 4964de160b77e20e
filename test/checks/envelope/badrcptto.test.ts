/** badrcptto: which recipients it refuses, and with what words. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badrcptto } from "../../../src/checks/envelope/badrcptto.ts";
import { ListScene } from "../list-scene.ts";

describe("badrcptto", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (to: string, variables = {}, from = "a@far.test") => scene.ask({ from, to, variables });

  it("names the entry to the client, or says what stands behind it", async () => {
    scene.write("Gone@Ours.example\n@alias.example\nleft@ours.example  has left us\n").start(badrcptto);
    expect(await ask("GONE@ours.example")).toBe("E550 5.1.1 mail to gone@ours.example not accepted here");
    expect(await ask("vera@alias.example")).toBe("E550 5.1.1 mail to @alias.example not accepted here");
    expect(await ask("left@ours.example")).toBe("E550 5.1.1 has left us");
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("gone@sub.ours.example")).toBe("");
    expect(await ask("gone")).toBe("");
  });

  it("also counts for the null sender, at an alias domain, and behind the tag of a signature", async () => {
    scene.write("gone@ours.example\n").start(badrcptto);
    expect(await ask("gone@ours.example", {}, "")).toContain("550");
    expect(await ask("gone@alias.example")).toContain("550");
    expect(await ask("prvs=0123456789=gone@ours.example")).toContain("550");
  });

  it("reads patterns only if asked to; the first line that matches decides, and no client sees a pattern", async () => {
    const text = "^sales.*@\nsales1@ours.example one\n/^x/ slashes\nlist+x@ours.example\n";
    scene.write(text).start(badrcptto, { patterns: true });
    expect(await ask("Sales1@ours.example")).toBe("E550 5.1.1 mail to sales1@ours.example not accepted here");
    scene.write("sales1@ours.example one\n^sales.*@ many\n");
    expect(await ask("sales1@ours.example")).toBe("E550 5.1.1 one");
    expect(await ask("sales2@ours.example")).toBe("E550 5.1.1 many");
    scene.write(text).start(badrcptto);
    expect(await ask("sales2@ours.example")).toBe("");
    expect(await ask("list+x@ours.example")).toContain("550");
  });

  it("leaves alone relay clients and users that have logged in", async () => {
    scene.write("gone@ours.example\n").start(badrcptto);
    expect(await ask("gone@ours.example", { RELAYCLIENT: "" })).toBe("");
    expect(await ask("gone@ours.example", { SMTPAUTHUSER: "vera" })).toBe("");
  });
});
