/** denybounce: who accepts bounces, and who never sends. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { denybounce } from "../../../src/checks/envelope/denybounce.ts";
import { ListScene } from "../list-scene.ts";

describe("denybounce", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (to: string, from = "") => scene.ask({ from, to });
  const sorry = (user: string) => `E550 5.7.1 sorry, ${user} never sends mail and therefore does not accept bounces`;

  it("refuses bounces to those that the list does not have", async () => {
    scene.write("Vera@ours.example\notto\n@alias.example\n").start(denybounce);
    expect(await ask("victim@ours.example")).toBe(sorry("victim"));
    expect(await ask("VICTIM@ours.example")).toBe(sorry("victim"));
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("OTTO@ours.example")).toBe("");
    expect(await ask("any@alias.example")).toBe("");
    expect(await ask("victim@ours.example", "a@far.test")).toBe("");
  });

  it("leaves alone postmaster, signed addresses of who is listed, and rewritten senders", async () => {
    scene.write("vera@ours.example\n").start(denybounce);
    expect(await ask("PostMaster@ours.example")).toBe("");
    expect(await ask("postmaster")).toBe("");
    expect(await ask("prvs=0123456789=vera@ours.example")).toBe("");
    expect(await ask("SRS0=HHH=TT=far.test=user@ours.example")).toBe("");
    expect(await ask("prvs=0123456789=victim@ours.example")).toBe(sorry("prvs=0123456789=victim"));
  });
});
