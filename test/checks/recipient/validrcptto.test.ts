/**
 * validrcptto: John Simpson's keys in a cdb made by tinycdb, a cdb that goodmailto exported, and one that is
 * unavailable or damaged.
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { validrcptto } from "../../../src/checks/recipient/validrcptto.ts";
import { writeCdb } from "../../../src/export/cdb.ts";
import { ListScene } from "../list-scene.ts";

describe("validrcptto", () => {
  let scene: ListScene;
  let file: string;
  beforeEach(() => {
    scene = new ListScene();
    file = `${scene.folder}/validrcptto.cdb`;
    scene.start(validrcptto, { file });
  });
  afterEach(() => scene.close());

  const ask = (to: string, variables = {}, from = "a@far.test") => scene.ask({ from, to, variables });
  const unknown = "E550 5.1.1 No such user here";
  const entries: readonly (readonly [string, string])[] = [
    ["vera@ours.example", ""],
    ["list-default@ours.example", ""],
    ["list-x-default@ours.example", "-"],
    ["@all.example", ""],
    ["gone@all.example", "-"],
    ["postmaster", ""],
  ];

  /** As an administrator makes it: Debian's `cdb -c`. */
  function makeCdb(): void {
    const input = entries.map(([key, value]) => `+${key.length},${value.length}:${key}->${value}\n`).join("");
    const made = spawnSync("cdb", ["-c", file], { input: `${input}\n` });
    expect(made.error ?? made.stderr.toString()).toBe("");
    scene.later();
  }

  async function expectVerdicts(): Promise<void> {
    expect(await ask("Vera@OURS.example")).toBe("");
    expect(await ask("list-y-z@ours.example")).toBe("");
    expect(await ask("list-x-y@ours.example")).toBe(unknown);
    expect(await ask("list@ours.example")).toBe(unknown);
    expect(await ask("-x@ours.example")).toBe(unknown);
    expect(await ask("any@all.example")).toBe("");
    expect(await ask("Gone@all.example")).toBe(unknown);
    expect(await ask("nobody@ours.example", {}, "")).toBe(unknown);
    expect(await ask("vera@alias.example")).toBe("");
    expect(await ask("prvs=0123456789=vera@ours.example")).toBe("");
    expect(await ask("postmaster")).toBe("");
    expect(await ask("root")).toBe(unknown);
  }

  it("answers by address, extension and domain, and refuses where the value begins with a hyphen", async () => {
    makeCdb();
    await expectVerdicts();
    scene.start(validrcptto, { file, break: "" });
    expect(await ask("list-y@ours.example")).toBe(unknown);
  });

  it("reads what `goodmailto export` writes", async () => {
    writeFileSync(file, writeCdb(["vera@ours.example", "@all.example"]));
    scene.later();
    expect(await ask("Vera@ours.example")).toBe("");
    expect(await ask("any@all.example")).toBe("");
    expect(await ask("nobody@ours.example")).toBe(unknown);
  });

  it("leaves alone relay clients, NOGOODMAILTO, and clients with an empty VALIDRCPTTO_CDB", async () => {
    makeCdb();
    for (const name of ["RELAYCLIENT", "NOGOODMAILTO", "VALIDRCPTTO_CDB"]) {
      expect(await ask("nobody@ours.example", { [name]: "" })).toBe("");
    }
  });

  it("asks the cdb that VALIDRCPTTO_CDB names, and none that is missing", async () => {
    makeCdb();
    const other = `${scene.folder}/other.cdb`;
    writeFileSync(other, writeCdb(["bert@ours.example"]));
    const by = (path: string) => ({ VALIDRCPTTO_CDB: path });
    expect(await ask("bert@ours.example", by(other))).toBe("");
    expect(await ask("vera@ours.example", by(other))).toBe(unknown);
    expect(await ask("bert@ours.example")).toBe(unknown);
    expect(await ask("nobody@ours.example", by(`${scene.folder}/none.cdb`))).toBe("");
    // Whoever sets ever new names opens no more than a hundred files.
    for (let i = 0; i < 120; i++) {
      expect(await ask("nobody@ours.example", by(`${scene.folder}/${i}.cdb`))).toBe("");
    }
    expect(await ask("vera@ours.example", by(other))).toBe(unknown);
  });

  it("passes everybody within a second when the cdb is gone, with an error every ten minutes", async () => {
    makeCdb();
    expect(await ask("nobody@ours.example")).toBe(unknown);
    rmSync(file);
    const missing = () => scene.log.lines.filter((line) => line.includes("cdb is missing, all recipients pass")).length;
    for (let look = 0; look < 3; look++) {
      scene.later();
      expect(await ask("nobody@ours.example")).toBe("");
    }
    expect(missing()).toBe(1);
    scene.later(600_000);
    await ask("nobody@ours.example");
    expect(missing()).toBe(2);
  });

  it("keeps the previous cdb while the new one is damaged", async () => {
    makeCdb();
    expect(await ask("nobody@ours.example")).toBe(unknown);
    rmSync(file);
    writeFileSync(file, "half a file");
    scene.later();
    expect(await ask("vera@ours.example")).toBe("");
    expect(await ask("nobody@ours.example")).toBe(unknown);
    expect(scene.log.lines.join()).toContain("keeping the previous one");
  });
});
