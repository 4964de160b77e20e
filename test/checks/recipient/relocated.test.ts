/** relocated: the new address that a client is told, and what never reaches it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";

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
    expect(scene.log.lines[0]).toContain(":1: has no valid new address after the first one");
  });

  it("reads the files of single users, but nothing that is no plain file of such a user", async () => {
    const home = (user: string) => `${scene.folder}/home/${user}`;
    for (const user of ["vera", "otto", "fifo", "link", "big"]) {
      mkdirSync(home(user), { recursive: true });
    }
    writeFileSync(`${home("vera")}/.redirect`, "vera@new.example\nignored\n");
    writeFileSync(`${home("otto")}/.redirect`, "<script>\n");
    writeFileSync(`${home("big")}/.redirect`, "x".repeat(10_000));
    execFileSync("mkfifo", [`${home("fifo")}/.redirect`]);
    symlinkSync(`${home("vera")}/.redirect`, `${home("link")}/.redirect`);
    writeFileSync(`${scene.folder}/.redirect`, "up@new.example\n");
    scene.start(relocated, { homes: `${scene.folder}/home/%u/.redirect` });
    expect(await ask("VERA@ours.example")).toBe("E551 5.1.6 User not local; please try <vera@new.example>");
    for (const user of ["otto", "fifo", "link", "big", "nobody", "..", '"../home/vera"']) {
      expect(await ask(`${user}@ours.example`)).toBe("");
    }
  });
});
