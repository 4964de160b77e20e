import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { main } from "../program.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function goodmailto(...words: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { encoding: "utf8" });
  return { status, out: stdout, err: stderr.replaceAll(`${folder}/`, "") };
}

/** The lines on standard error without warnings. */
const faultsIn = (err: string): string[] => err.split("\n").filter((line) => !line.startsWith("warning: "));

/** A configuration without warnings; `{folder}` stays relative. */
const quiet = `[domains]
relay = ["kontor.example"]
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:26"
`;

describe("goodmailto config check", () => {
  it("names every line of the lists that the relay would leave out, of checks that run", () => {
    const config = join(folder, "c.toml");
    writeFileSync(config, `[checks]\nrun = ["badrcptto", "rcpt_regexp", "verybadrcptto"]\n${quiet}`);
    writeFileSync(join(folder, "badrcptto"), "gone@kontor.example\nvictim\n");
    writeFileSync(join(folder, "rcpt_regexp"), "/(a+)+$/ DENY\nvera@kontor.example\n");
    writeFileSync(join(folder, "badhelo"), "[\n");
    const { status, err } = goodmailto("config", "check", "--config", config);
    const lines = err.split("\n").filter((line) => line.startsWith("warning: "));
    expect([status, lines]).toEqual([
      0,
      [
        "warning: c.toml:1:2: checks.badrcptto: badrcptto:2: can never match: an entry is user@host or @host",
        "warning: c.toml:1:2: checks.rcpt_regexp: rcpt_regexp:1: this pattern takes more than 50 ms for a hostile text: avoid repeats within repeats",
        "warning: c.toml:1:2: checks.rcpt_regexp: rcpt_regexp:2: has no code behind the pattern",
      ],
    ]);
    expect(goodmailto("config", "check", "--strict", "--config", config).status).toBe(78);
  });

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
    expect(faultsIn(err)).toEqual([
      expect.stringMatching(/^tcp\.smtp:1:\d+: /),
      expect.stringMatching(/^tcp\.smtp:3:\d+: /),
      expect.stringMatching(/^c\.toml:4:1: tls\.cert: "tcp\.smtp" holds no PEM certificate/),
      expect.stringMatching(/^c\.toml:5:1: tls\.key: "tcp\.smtp" holds no PEM private key/),
      expect.stringMatching(/^c\.toml:10:1: source "a" filter: "\(\(\(" is not a search filter/),
      expect.stringMatching(
        /^c\.toml:14:8: source "b" url: "nosuch" cannot be read: there is no such file \(ENOENT\); allowed/,
      ),
      "",
    ]);
  });

  it("names lines of the password file with which the relay would not start", () => {
    const config = join(folder, "c.toml");
    writeFileSync(join(folder, "users"), "# nobody\nanna:plain\nbert\n", { mode: 0o600 });
    writeFileSync(config, '[auth]\npasswords = "users"\n');
    const { status, err } = goodmailto("config", "check", "-c", config);
    const [anna, bert, ...rest] = faultsIn(err).map((line) => line.replace(`${folder}/`, ""));
    expect({ status, rest }).toEqual({ status: 78, rest: [""] });
    expect([anna, bert]).toEqual([expect.stringMatching(/^users:2: .*"anna"/), expect.stringMatching(/^users:3: /)]);
  });

  it("warns of lines of the sender map that match nobody", () => {
    const config = join(folder, "c.toml");
    writeFileSync(
      join(folder, "map"),
      "anna: anna@kontor.example *\nbert bert@kontor.example\ncarl: @ carl@x.example\n",
    );
    writeFileSync(config, '[auth]\nsender = "own"\nsender_map = "map"\n');
    const { status, err } = goodmailto("config", "check", "-c", config);
    const told = err.split("\n").filter((line) => line.includes("sender_map: "));
    const rest = 'never matches: a line is "login: address @domain …"';
    expect({ status, told }).toEqual({
      status: 0,
      told: ["bert bert@kontor.example", "@"].map((text) =>
        expect.stringContaining(`c.toml:3:1: auth.sender_map: "${text}" ${rest}`),
      ),
    });
  });

  it("reads the keys as the relay and the sync do, and wants canaries of our own domains", () => {
    const config = join(folder, "c.toml");
    const check = (keys: string): string[] => {
      writeFileSync(
        config,
        `[domains]\nrelay = ["kontor.example"]\naliases = { "kontor.test" = "kontor.example" }\n${keys}` +
          '[sync]\ncanaries = ["anna@kontor.example", "anna@kontor.test", "postmaster", "anna@elsewhere.example"]\n',
      );
      return faultsIn(goodmailto("config", "check", "-c", config).err);
    };
    writeFileSync(join(folder, "junk"), "no key\n");
    const canary = expect.stringMatching(/sync\.canaries: "anna@elsewhere\.example" is outside the relay domains/);
    expect(check('[snapshot]\nkey_file = "junk"\nsigning_key_file = "junk"\npublic_key_file = "junk"\n')).toEqual([
      expect.stringMatching(/^c\.toml:5:1: snapshot\.key_file: Cannot use .*64 hex digits$/),
      expect.stringMatching(/^c\.toml:7:1: snapshot\.public_key_file: Cannot use .*no PEM public key$/),
      expect.stringMatching(/^c\.toml:6:1: snapshot\.signing_key_file: Cannot use /),
      canary,
      "",
    ]);
    expect(goodmailto("keygen", join(folder, "pair")).status).toBe(0);
    expect(goodmailto("keygen", "--hmac", join(folder, "secret")).status).toBe(0);
    expect(check('[snapshot]\nkey_file = "secret"\nsigning_key_file = "pair"\npublic_key_file = "pair.pub"\n')).toEqual(
      [canary, ""],
    );
  });

  it("says that there are none", () => {
    const config = join(folder, "c.toml");
    writeFileSync(config, quiet);
    expect(goodmailto("config", "check", "-c", config, "--strict")).toEqual({
      status: 0,
      out: `${config}: no errors\n`,
      err: "",
    });
  });

  it("prints warnings with line and column, ends with 0, and with 78 under --strict", () => {
    const config = join(folder, "c.toml");
    writeFileSync(join(folder, "tcp.smtp"), "127.0.0.1:allow\nno colon\n");
    writeFileSync(config, '[clients]\nrules = "tcp.smtp"\n[domains]\nrelay = []\n');
    const { status, out, err } = goodmailto("config", "check", "-c", config);
    expect({ status, out }).toEqual({ status: 0, out: `${config}: no errors, 3 warnings\n` });
    expect(err.split("\n")).toEqual([
      expect.stringMatching(/^warning: c\.toml:1:1: route: is missing: /),
      expect.stringMatching(/^warning: c\.toml:4:1: domains\.relay: is empty: /),
      "warning: tcp.smtp:2:1: a line without a colon is ignored",
      "",
    ]);
    expect(goodmailto("config", "check", "--strict", "-c", config)).toEqual({ status: 78, out: "", err });
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
