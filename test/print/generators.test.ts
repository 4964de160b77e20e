/** What the generators write passes format, lint, types and its own tests, in a copy of the source tree. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const parts = [
  "src",
  "sync",
  "packaging",
  "test",
  "docs",
  "config",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  ".oxlintrc.json",
  ".oxfmtrc.json",
];

/** Each generator with a name for it. */
const generators = [
  ["new-check", "client/badcountry"],
  ["new-preset", "acme-mail"],
  ["new-courier", "mbox"],
  ["new-backend", "json"],
] as const;

interface Ended {
  readonly code: number;
  readonly output: string;
}

let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "gmto-generators-"));
  parts.forEach((part) => cpSync(join(root, part), join(copy, part), { recursive: true }));
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Runs a program of Node's in the copy to its end, two minutes at most. */
function run(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: copy, timeout: 120_000, env: { ...process.env, NO_COLOR: "1" } };
    execFile(process.execPath, words, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    );
  });
}

const generate = (generator: string, name: string): Promise<Ended> => run(`test/print/${generator}.ts`, name);
const written = (output: string): string[] => [...output.matchAll(/^wrote (.+)$/gm)].map(([, path = ""]) => path);

describe("the generators", { timeout: 300_000 }, () => {
  it("write what passes format, lint, types and its own tests", async () => {
    const paths: string[] = [];
    for (const [generator, name] of generators) {
      const { code, output } = await generate(generator, name);
      expect([generator, code, output]).toEqual([generator, 0, expect.stringMatching(/^wrote /)]);
      paths.push(...written(output));
    }
    const sources = paths.filter((path) => path.endsWith(".ts"));
    const printed = [
      "src/checks/registry.ts",
      "sync/presets/registry.ts",
      "src/config/preset-names.ts",
      "src/couriers/registry.ts",
      "src/auth/backends/registry.ts",
    ];
    expect(await run("node_modules/oxfmt/bin/oxfmt", "--check", ...sources, ...printed)).toMatchObject({ code: 0 });
    writeFileSync(
      join(copy, "tsconfig.json"),
      readFileSync(join(root, "tsconfig.json"), "utf8").replace(
        /"include": \[[^\]]*\]/,
        `"include": ["src/**/*.d.ts"], "files": ${JSON.stringify(sources)}`,
      ),
    );
    expect(await run("node_modules/typescript/bin/tsc", "--noEmit")).toEqual({ code: 0, output: "" });
    const lint = await run("node_modules/oxlint/bin/oxlint", "--type-aware", "--deny-warnings", ...sources);
    expect([lint.code, lint.output]).toEqual([0, expect.any(String)]);
    const own = sources.filter((path) => path.endsWith(".test.ts"));
    const tests = [...own, "test/layout.test.ts", "test/config/restart.test.ts", "test/checks/settings.test.ts"];
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/vitest.config.ts"];
    const tested = await run(...vitest, ...tests);
    expect([tested.code, tested.output]).toEqual([0, expect.stringContaining(`${tests.length} passed`)]);
    const common = await run(...vitest, "test/auth/backends/contract.test.ts", "-t", "stages/json");
    expect([common.code, common.output]).toEqual([0, expect.stringMatching(/stages\/json|\d+ passed/)]);
  });

  it.each(generators)("%s replaces no file, and refuses what is no name", async (generator, name) => {
    const again = await generate(generator, name);
    expect([again.code, again.output]).toEqual([2, expect.stringMatching(/^there already: /)]);
    for (const wrong of ["", "../x", "Upper", "a b", "client/../x"]) {
      const { code, output } = await generate(generator, wrong);
      expect([wrong, code, output]).toEqual([wrong, 2, expect.stringMatching(/^usage: npm run new-/)]);
    }
    expect(existsSync(join(copy, "x.ts"))).toBe(false);
  });
});
