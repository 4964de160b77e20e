/** The bundle beside the source. That it behaves alike is what all tests that start the program show. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { bundleVariable, main, source } from "../program.ts";
import { quickVerbs } from "../../packaging/quick.ts";

/** Runs the program with words that end at once. */
function run(program: string, ...words: string[]): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { code: status, said: stdout + stderr };
}

const outside = `import { defineCheck, field, refuse, reply } from "goodmailto/check";
export const friday = defineCheck({ name: "friday", doc: "Refuses all.", stage: "policy", hooks: ["rcpt"], byAddress: true,
  settings: { day: field.text("Friday", "The day.") }, reasons: { day: "wrong day" },
  create: ({ day }) => ({ rcpt: () => refuse("day", reply(550, "5.7.1", "Come back on a " + day)) }) });
`;

describe.skipIf(process.env[bundleVariable] === undefined)("the bundle", () => {
  it.each([
    ["--help"],
    ["--version"],
    ["config", "sample"],
    ["constructor"],
    ["check", "--help"],
    ["status", "--no-such-option"],
    ["sync", "-c", "/nonexistent/goodmailto.toml"],
  ])("says what the source says: %s", (...words) => {
    const said = run(main, ...words);
    expect(said.said).not.toBe("");
    expect(said).toEqual(run(source, ...words));
  });

  it("gives checks from outside the contract that it uses itself", () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-bundle-"));
    try {
      const config = join(folder, "goodmailto.toml");
      writeFileSync(join(folder, "friday.ts"), outside);
      writeFileSync(
        config,
        '[domains]\nrelay = ["kontor.example"]\n[checks]\nload = ["friday.ts"]\nrun = ["friday"]\n',
      );
      const said = run(main, "check", "-c", config, "anna@kontor.example");
      expect(said.said).toContain("550 5.7.1 Come back on a Friday");
      expect(said).toEqual(run(source, "check", "-c", config, "anna@kontor.example"));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each(quickVerbs)("has code that is compiled for this Node: %s", (verb) => {
    const program = JSON.stringify(join(dirname(main), "quick.cjs"));
    const code = `process.argv.splice(1, 0, "main.js"); const quick = require(${program});
      process.on("exit", () => process.stdout.write(String([...quick.scripts.values()].some((one) => one.cachedDataRejected)))); quick.start("${verb}")`;
    const words = ["-e", code, "--", verb, "-c", "/nonexistent/goodmailto.toml"];
    expect(spawnSync(process.execPath, words, { encoding: "utf8" }).stdout).toBe("false");
  });

  it("has each thread and child that the source starts by its path", () => {
    const pattern = String.raw`new URL\("[^"]*\.ts", import\.meta\.url\)`;
    const root = join(import.meta.dirname, "../..");
    const lines = execFileSync("grep", ["-rhoE", pattern, "src", "sync"], { cwd: root, encoding: "utf8" });
    const started = [...lines.matchAll(/([\w-]+)\.ts"/g)].map(([, name]) => `${name}.js`);
    expect(started).toContain("inspect-worker.js");
    expect(started.filter((file) => !existsSync(join(dirname(main), file)))).toEqual([]);
  });
});
