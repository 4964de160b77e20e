/** The bundle beside the source. That it behaves alike is what all tests that start the program show. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { bundleVariable, main, source } from "../program.ts";

/** Runs the program with words that end at once. */
function run(program: string, ...words: string[]): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { code: status, said: stdout + stderr };
}

describe.skipIf(process.env[bundleVariable] === undefined)("the bundle", () => {
  it.each([["--help"], ["--version"], ["config", "sample"], ["constructor"]])(
    "says what the source says: %s",
    (...words) => {
      const said = run(main, ...words);
      expect(said.said).not.toBe("");
      expect(said).toEqual(run(source, ...words));
    },
  );

  it("has each thread and child that the source starts by its path", () => {
    const pattern = String.raw`new URL\("[^"]*\.ts", import\.meta\.url\)`;
    const root = join(import.meta.dirname, "../..");
    const lines = execFileSync("grep", ["-rhoE", pattern, "src", "sync"], { cwd: root, encoding: "utf8" });
    const started = [...lines.matchAll(/([\w-]+)\.ts"/g)].map(([, name]) => `${name}.js`);
    expect(started).toContain("inspect-worker.js");
    expect(started.filter((file) => !existsSync(join(dirname(main), file)))).toEqual([]);
  });
});
