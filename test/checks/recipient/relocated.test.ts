/** relocated: the new address that a client is told, and what never reaches it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { relocated } from "../../../src/checks/recipient/relocated.ts";
import { ListScene } from "../list-scene.ts";

describe("relocated", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (to: string, variables = {}) => scene.ask({ to, variables });

  it("tells the new address of a recipient or of a whole domain", async () => {
    scene
      .write("Old@ours.example\tNew.Name@elsewhere.example\n@gone.example postmaster@ours.example\n")
      .start(relocated);
    expect(await ask("OLD@ours.example")).toBe("E551 5.1.6 User not local; please try <New.Name@elsewhere.example>");
    expect(await ask("old@alias.example")).toContain("<New.Name@elsewhere.example>");
    expect(await ask("any@gone.example")).toBe("E551 5.1.6 User not local; please try <postmaster@ours.example>");
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("old@ours.example", { RELAYCLIENT: "" })).toBe("");
  });

  it.each([
    "",
    "moved",
    "new@",
    "@new.example",
    "<new@new.example>",
    '"<b>"@new.example',
    "a@b.example c",
    "ä@x.example",
  ])("leaves out a line whose new address is %j, and says so", async (address) => {
    scene.write(`old@ours.example ${address}\n`).start(relocated);
    expect(await ask("old@ours.example")).toBe("");
    expect(scene.log.lines).toHaveLength(1);
    expect(scene.log.lines[0]).toContain(":1: has no address behind the first one that a client could be told");
  });
});
