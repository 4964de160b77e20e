/** `goodmailto checks`: a check by its name, and a file to begin one with. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { main } from "../program.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-checks-"));
afterAll(() => rmSync(folder, { recursive: true }));

function goodmailto(...words: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    cwd: folder,
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, out: stdout, err: stderr };
}

// Each look costs a process.
describe("goodmailto checks", { timeout: 120_000 }, () => {
  it("describes one check, and names the way to the list where there is none of that name", () => {
    expect(goodmailto("checks", "loop").out).toMatch(/^loop\n.*\n  hooks: message\n/);
    expect(goodmailto("checks", "nosuch")).toMatchObject({ status: 2, err: expect.stringContaining("lists them") });
  });

  it("describes an instance as it would be written, in a configuration that holds", () => {
    const { out } = goodmailto("checks", "badmailfrom:strict");
    expect(out).toMatch(/^badmailfrom:strict\n/);
    expect(out).toContain('settings: [[checks.badmailfrom]] with name = "strict"');
    const example = out.slice(out.indexOf("  example:")).replaceAll(/^    /gm, "");
    const toml = example.slice(example.indexOf("[checks]"), example.indexOf("# control/"));
    expect(toml).toContain('run = ["badmailfrom:strict", "goodmailto"]');
    const config = join(folder, "i.toml");
    writeFileSync(config, `[domains]\nrelay = ["kontor.example"]\n${toml}`);
    expect(goodmailto("config", "check", "--config", config)).toMatchObject({ status: 0 });
    // One whose example has no section of its own.
    expect(goodmailto("checks", "loop:two").out).toContain('[[checks.loop]]\n    name = "two"');
    for (const [label, why] of [
      ["nosuch:a", 'no check "nosuch"'],
      ["goodmailto:a", "one section, [recipients]"],
      ["loop:", '"" is not a name of'],
      ["loop:A b", '"A b" is not a name of'],
      ["loop:a:b", '"a:b" is not a name of'],
    ] as const) {
      expect(goodmailto("checks", label), label).toMatchObject({ status: 2, err: expect.stringContaining(why) });
    }
  });

  it("writes a check that loads and runs as it stands, once", () => {
    expect(goodmailto("checks", "new", "mine")).toMatchObject({ status: 0 });
    const config = join(folder, "c.toml");
    const text = '[domains]\nrelay = ["kontor.example"]\n[checks]\nload = ["mine.ts"]\nrun = ["mine", "goodmailto"]\n';
    writeFileSync(config, `${text}[checks.mine]\nnames = ["bad.example"]\n`);
    expect(goodmailto("config", "check", "--config", config)).toMatchObject({ status: 0 });
    expect(goodmailto("checks", "new", "mine")).toMatchObject({ status: 2, err: expect.stringContaining("EEXIST") });
    expect(goodmailto("checks", "new", "loop")).toMatchObject({ status: 2 });
    expect(goodmailto("checks", "new", "Bad/Name")).toMatchObject({ status: 2 });
  });
});
