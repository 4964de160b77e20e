import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

const main = join(import.meta.dirname, "../../src/main.ts");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function goodmailto(...words: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { encoding: "utf8" });
  return { status, out: stdout, err: stderr.replaceAll(`${folder}/`, "") };
}

describe("goodmailto config check", () => {
  it("reads the files that serve and sync would read, and names every fault in them", () => {
    writeFileSync(join(folder, "tcp.smtp"), "1.2.3.4:alow\n:allow\n5.6.7.8:deny,X\n");
    const config = join(folder, "c.toml");
    writeFileSync(
      config,
      `[clients]
rules = "tcp.smtp"
[tls]
cert = "tcp.smtp"
key = "tcp.smtp"
[[source]]
name = "a"
type = "ldap"
url = ["ldap://127.0.0.1"]
filter = "((("
[[source]]
name = "b"
type = "list"
url = ["nosuch"]
`,
    );
    const { status, err } = goodmailto("config", "check", "-c", config);
    expect(status).toBe(78);
    expect(err.split("\n")).toEqual([
      expect.stringMatching(/^tcp\.smtp:1:\d+: /),
      expect.stringMatching(/^tcp\.smtp:3:\d+: /),
      expect.stringMatching(/^c\.toml:3:2: tls: Cannot use /),
      expect.stringMatching(/^c\.toml:6:3: source\.0: source "a": filter "\(\(\(" is no search filter/),
      expect.stringMatching(/^c\.toml:14:8: source\.1\.url\.0: "nosuch" cannot be read: ENOENT/),
      "",
    ]);
  });

  it("says that there are none", () => {
    const config = join(folder, "c.toml");
    writeFileSync(config, '[domains]\nrelay = ["kontor.example"]\n');
    expect(goodmailto("config", "check", "-c", config)).toMatchObject({ status: 0, out: `${config}: no faults\n` });
  });
});

describe("goodmailto", () => {
  it.each([[[]], [["nosuch"]], [["check"]], [["check", "two words", "-c", "/nonexistent"]]])(
    "ends with 2 or 78 for the words %j",
    (words) => {
      expect([2, 78]).toContain(goodmailto(...words).status);
    },
  );

  it("takes no client that is no address", () => {
    const config = join(folder, "c.toml");
    writeFileSync(config, '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "none.sqlite"\n');
    const { status, err } = goodmailto("check", "a@kontor.example", "-c", config, "--client", "notanip");
    expect({ status, err }).toEqual({ status: 2, err: "goodmailto: no IP address: notanip\n" });
  });
});
