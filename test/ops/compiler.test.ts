/** A flag that another version of Node has renamed would only put an error on standard error. */
import { execFileSync } from "node:child_process";

import { expect, it } from "vitest";

import { inlining } from "../../src/ops/compiler.ts";

it("asks V8 for what it has", () => {
  const options = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8", timeout: 20_000 });
  const names = new Set(options.match(/^ +--[\w-]+/gm)?.map((option) => option.trim()));
  expect(inlining.map((flag) => flag.split("=")[0]).filter((name) => !names.has(name ?? ""))).toEqual([]);
});
