/** bounce_rcpt: only mail of the null sender is looked at. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { bounce_rcpt } from "../../../src/checks/envelope/bounce_rcpt.ts";
import { ListScene } from "../list-scene.ts";

describe("bounce_rcpt", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  it("decides about bounces alone, by the first line that matches", async () => {
    scene
      .write("vera@ours.example DECLINED\notto@ours.example OK\n/^later@/ DENYSOFT wait\n/.*/ DENY\n")
      .start(bounce_rcpt);
    const ask = (from: string, to: string) => scene.ask({ from, to });
    expect(await ask("", "victim@ours.example")).toBe("E550 5.7.1 This address does not accept bounces");
    expect(await ask("", "later@ours.example")).toBe("E450 4.7.1 wait");
    expect(await ask("", "vera@ours.example")).toBe("");
    expect(await ask("", "otto@ours.example")).toBe("N");
    expect(await ask("a@far.test", "victim@ours.example")).toBe("");
  });
});
