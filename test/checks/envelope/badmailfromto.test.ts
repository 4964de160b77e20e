/** badmailfromto: which pairs it refuses, and that the sender cannot see why. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badmailfromto } from "../../../src/checks/envelope/badmailfromto.ts";
import { ListScene } from "../list-scene.ts";

describe("badmailfromto", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (from: string, to: string, variables = {}) => scene.ask({ from, to, variables });
  const unknown = "E550 5.1.1 No such user here";

  it("refuses a pair as if the recipient were unknown", async () => {
    scene.write("Stalker@Far.test\tVictim@ours.example since May\n@evil.test vera@ours.example\n").start(badmailfromto);
    expect(await ask("stalker@FAR.test", "victim@ours.example")).toBe(unknown);
    expect(await ask("stalker@far.test", "vera@ours.example")).toBe("");
    expect(await ask("other@far.test", "victim@ours.example")).toBe("");
    expect(await ask("x@evil.test", "VERA@ours.example")).toBe(unknown);
    expect(await ask("x@sub.evil.test", "vera@ours.example")).toBe("");
    expect(await ask("", "victim@ours.example")).toBe("");
  });

  it("counts every line of a sender, at alias domains, and for signed senders", async () => {
    scene.write("a@far.test one@ours.example\n@far.test two@ours.example\na@far.test three@ours.example\n");
    scene.start(badmailfromto);
    for (const name of ["one", "two", "three"]) {
      expect(await ask("a@far.test", `${name}@ours.example`)).toBe(unknown);
    }
    expect(await ask("b@far.test", "one@ours.example")).toBe("");
    expect(await ask("a@far.test", "one@alias.example")).toBe(unknown);
    expect(await ask("prvs=0123456789=a@far.test", "one@ours.example")).toBe(unknown);
  });

  it("leaves alone relay clients and users that have logged in", async () => {
    scene.write("a@far.test vera@ours.example\n").start(badmailfromto);
    expect(await ask("a@far.test", "vera@ours.example", { RELAYCLIENT: "" })).toBe("");
    expect(await ask("a@far.test", "vera@ours.example", { SMTPAUTHUSER: "vera" })).toBe("");
  });
});
