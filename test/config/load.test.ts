import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { schema, schemaFor } from "../../src/compose/settings.ts";
import { parseDuration, parseSize } from "../../src/config/units.ts";
import { checkConfig, loadConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { unknownKey } from "../../src/config/unknown-key.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-config-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function faultsOf(text: string): string[] {
  const loaded = checkConfig(text, join(folder, "c.toml"), schemaFor, ["relay", "sync"]);
  return loaded.kind === "ok" ? [] : loaded.faults.map((fault) => formatFault(fault).replace(`${folder}/`, ""));
}

describe("configuration", () => {
  it("has a default for everything", () => {
    const loaded = checkConfig("", join(folder, "c.toml"), schemaFor, ["relay", "sync"]);
    expect(loaded.kind).toBe("ok");
    if (loaded.kind === "ok") {
      expect(loaded.settings.smtp.max_message_size).toBe(25_000_000);
      expect(loaded.settings.smtp.idle_timeout).toBe(300_000);
      expect(loaded.settings.sync.max_shrink).toBe(0.1);
      expect(loaded.settings.checks.run).toEqual([
        "verybadrcptto",
        "badmailfrom",
        "spp",
        "authlogger",
        "goodmailto",
        "loop",
      ]);
    }
  });

  it("gives a listener without checks of its own those of [checks] run", () => {
    const listener = '[[listener]]\nname = "a"\nlisten = ["127.0.0.1:0"]\n';
    const checksOf = (text: string): unknown => {
      const loaded = checkConfig(`[checks]\nrun = ["goodmailto"]\n${text}`, join(folder, "c.toml"), schemaFor, []);
      return loaded.kind === "ok" ? [loaded.settings.listener[0]?.checks, loaded.settings.checks.run] : loaded.faults;
    };
    expect(checksOf(listener)).toEqual([undefined, ["goodmailto"]]);
    expect(checksOf(`${listener}checks = ["loop"]\n`)).toEqual([["loop"], ["goodmailto"]]);
    expect(faultsOf(`${listener}checks = ["nosuch"]\n`).join()).toMatch(/listener "a" checks.* must be one of /);
  });

  it("names every fault at once, with line, column, key and what is allowed", () => {
    const faults = faultsOf(`[smtp]
lisen = ["127.0.0.1:25"]
max_recipients = 0
idle_timeout = 300

[recipients]
mode = "strict"
always = ["two words"]

[checks]
run = ["goodmailto", "nosuch"]

[[source]]
name = "a"
type = "ldap"
url = ["ldap://127.0.0.1"]
password_file = "nothere"
page_sise = 10

[[source]]
type = "ldap"
url = ["ldap://127.0.0.1"]
`);
    expect(faults).toEqual([
      expect.stringMatching(
        /^c\.toml:2:1: smtp\.lisen: is not a setting; did you mean listen\?; allowed here: listen, h/,
      ),
      "c.toml:3:1: smtp.max_recipients: must be a whole number from 1 to 10000, not 0",
      expect.stringMatching(
        /^c\.toml:4:1: smtp\.idle_timeout: must be a duration .*, not 300; write idle_timeout = "300s"$/,
      ),
      'c.toml:7:1: recipients.mode: must be one of "enforce", "observe", "later", "score", "off", not "strict"',
      'c.toml:8:11: recipients.always: must be a user part or an address, not "two words"',
      expect.stringMatching(/^c\.toml:11:22: checks\.run: .*goodmailto.*spp.*, not "nosuch"$/),
      expect.stringMatching(
        /^c\.toml:17:1: source "a" password_file: ".*nothere" cannot be read: there is no such file \(ENOENT\); allowed/,
      ),
      expect.stringMatching(/^c\.toml:18:1: source "a" page_sise: is not a setting; did you mean page_size\?; allowed/),
      'c.toml:20:3: source 2 name: is missing; write name = "domino"',
    ]);
  });

  it("says what to write instead of a setting of an earlier version", () => {
    const faults = faultsOf('[smtp]\ndns_servers = ["192.0.2.53"]\n[checks.rblspp]\ntimeout = "1s"\n');
    expect(faults).toEqual([
      "c.toml:2:1: smtp.dns_servers: is now `servers` in [dns]",
      "c.toml:4:1: checks.rblspp.timeout: is now `timeout` in [dns]",
    ]);
  });

  it("refuses what only shows when settings are seen together", () => {
    const faults = faultsOf(`[domains]
relay = ["kontor.example"]
aliases = { "a.test" = "elsewhere.example" }
[tls]
cert = ""
key = "c.toml"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.2"
[[source]]
name = "one"
type = "list"
url = ["x"]
domains = ["other.example"]
[[source]]
name = "one"
type = "list"
url = ["x"]
`).join("\n");
    expect(faults).toMatch(/c\.toml:3:13: domains\.aliases\.a\.test: "elsewhere\.example" is not a relay domain/);
    expect(faults).toMatch(/c\.toml:6:1: tls\.key: needs \[tls\] cert too/);
    expect(faults).toMatch(/c\.toml:11:1: route "\*" domain: "\*" has a route already/);
    expect(faults).toMatch(/source "one" domains: "other\.example" is not a relay domain/);
    expect(faults).toMatch(/source "one" name: "one" is taken/);
  });

  it.each([
    ['[smtp]\nhostname = "bad host"', /smtp\.hostname: must be a host name/],
    ['[smtp]\nhostname = "x\\r\\nRSET"', /smtp\.hostname: must be a host name/],
    ['[smtp]\nidle_timeout = "0s"', /smtp\.idle_timeout: must be a duration .* from "10ms"/],
    ['[domains]\nrelay = ["no domain"]', /domains\.relay: must be a domain/],
    ['[[route]]\ndomain = "*"\nnext_hop = "gopher://127.0.0.1"', /route "\*" next_hop: must be .*"smtp:\/\/host:port"/],
    ['[[route]]\ndomain = "a b"\nnext_hop = "mx"', /route "a b" domain: must be a domain/],
    ['[snapshot]\npath = ""', /snapshot\.path: must be the path of a file/],
    ['[recipients]\nreply = "no\\r\\n250 yes"', /recipients\.reply: must be 1 to 400 printable/],
    ['[metrics]\nlisten = "nowhere"', /metrics\.listen: must be "host:port"/],
    ['[checks]\nrun = ["spp", "spp"]', /checks\.run: must not hold a name twice/],
    ['[checks]\nrun = ["loop:strict"]', /checks\.run: .*write \[\[checks\.loop\]\] with name = "strict"/],
    ['[checks]\nrun = ["loop"]\n[[checks.loop]]\nname = "strict"', /checks\.run: .*allowed: "loop:strict"/],
    ['[hooks]\nrcpt = ["spp"]', /hooks: is now one list for all hooks: write run = /],
    [
      '[[listener]]\nname = "a"\nlisten = ["127.0.0.1:0"]\n[listener.hooks]\nrcpt = []',
      /listener "a" hooks: is now `checks = /,
    ],
    ['[checks]\nload = ["nothere.ts"]', /checks\.load: there is no file .*nothere\.ts/],
    ['[spp]\ntimeout = "0s"', /spp\.timeout: must be a duration/],
    ['[trace]\nmax_size = "1MB"', /trace\.max_size: must be a size .* at least "8MB", not "1MB"$/],
    ["[trace]\nfolder = 3", /trace\.folder: must be the absolute path of a folder, or "", not 3$/],
    ['[spp]\nmax_output = "0B"', /spp\.max_output: must be a size .* at least "1KiB"/],
    [
      '[[source]]\nname = "a"\ntype = "ldap"\nurl = ["http://x"]',
      /source "a" url: "http:\/\/x" cannot be the url of type "ldap"; allowed: "ldap:/,
    ],
    [
      '[[source]]\nname = "a"\ntype = "ldap"\nurl = []',
      /source "a": url is missing or empty; allowed: "ldap:\/\/host:port"/,
    ],
  ])("refuses %j", (text, message) => {
    writeFileSync(join(folder, "c.toml"), "");
    expect(faultsOf(text).join("\n")).toMatch(message);
  });

  it("says where TOML itself breaks", () => {
    expect(faultsOf('[smtp]\nhostname = "a\n')).toEqual([expect.stringMatching(/^c\.toml:2:\d+: /)]);
    expect(faultsOf('\uFEFF[smtp]\r\nhostname = "a"\r\n')).toEqual([]);
  });

  it("says that a file cannot be read", () => {
    const loaded = loadConfig(join(folder, "nosuch.toml"), schemaFor, []);
    expect(loaded).toMatchObject({ kind: "faults", faults: [{ message: expect.stringContaining("ENOENT") }] });
  });

  it("takes a secret that systemd hands over by name", () => {
    const credentials = mkdtempSync(join(folder, "credentials-"));
    writeFileSync(join(credentials, "ldap-password"), "x\n");
    const text = '[[source]]\nname = "a"\ntype = "ldap"\nurl = ["ldap://127.0.0.1"]\npassword_file = "ldap-password"\n';
    expect(faultsOf(text)).toHaveLength(1);
    process.env["CREDENTIALS_DIRECTORY"] = credentials;
    try {
      expect(faultsOf(text)).toEqual([]);
    } finally {
      delete process.env["CREDENTIALS_DIRECTORY"];
    }
  });

  it("never throws, whatever the bytes", () => {
    const word = fc.constantFrom(
      "[",
      "]",
      "smtp",
      "source",
      "=",
      '"',
      "\n",
      "1",
      "{",
      "}",
      ",",
      ".",
      "#",
      "'",
      "listen",
      "true",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(word, { maxLength: 40 }).map((words) => words.join("")),
    );
    fc.assert(
      fc.property(text, (bytes) => {
        const loaded = checkConfig(bytes, join(folder, "c.toml"), schemaFor, []);
        expect(["ok", "faults"]).toContain(loaded.kind);
      }),
      { numRuns: 500 },
    );
  });

  it("reads durations and sizes, and nothing like them", () => {
    expect(["500ms", "90s", "10m", "1h30m", "7d"].map(parseDuration)).toEqual([
      500, 90_000, 600_000, 5_400_000, 604_800_000,
    ]);
    expect(["", "10", "m", "1.5h", "10 m", "-1s", "1h 30m"].map(parseDuration)).toEqual(
      Array.from({ length: 7 }, () => undefined),
    );
    expect(["25MB", "64KiB", "1000B", "0B"].map(parseSize)).toEqual([25_000_000, 65_536, 1000, 0]);
    expect(["", "25", "MB", "1.5MB", "25mb", "-1B"].map(parseSize)).toEqual(Array.from({ length: 6 }, () => undefined));
  });

  it.each([
    ["hostnme = 1", "did you mean hostname?"],
    ["host-name = 1", "did you mean hostname?"],
    ["MaxRecipients = 1", "did you mean max_recipients?"],
    ["relay = 1", "did you mean relay in [domains] or relay in [auth]?"],
    ["next_hop = 1", "did you mean next_hop in [[route]] or next_hop in [[copy]] or next_hop in [[source]]?"],
    ["nothing_like_it = 1", "is not a setting; allowed here: listen, "],
  ])("offers the nearest setting for %s", (line, words) => {
    expect(faultsOf(`[smtp]\n${line}\n`)).toEqual([expect.stringContaining(words)]);
  });

  it.each([
    ["[sources]", "did you mean [[source]] or"],
    ["[[routes]]", "did you mean [[route]]?"],
    ["[domain]", "there may be several, so write [[domain]] instead of [domain]"],
    ["[checks.spp]", "did you mean [spp]"],
    ["[smtp.limits]", "did you mean [limits]?"],
    ["[checks.rblsp]", "did you mean [checks.rblspp]?"],
    ["listen = 1", "did you mean [[listener]] or listen in [smtp] or listen in [deliverabled] or listen in [scim]"],
  ])("offers the nearest section for %s", (line, words) => {
    expect(faultsOf(`# two\n# lines\n${line}\n`)).toEqual([expect.stringMatching(/^c\.toml:3:/)]);
    expect(faultsOf(`${line}\n`)).toEqual([expect.stringContaining(words)]);
  });

  it("says what to write instead of a setting or a whole section of earlier versions", () => {
    const old = { "smtp.old": "is now `young` in [smtp]", "listener.hooks": "write checks = […] instead" };
    expect(unknownKey(["smtp", "old"], schema, old)).toBe("is now `young` in [smtp]");
    expect(unknownKey(["listener", 3, "hooks"], schema, old)).toBe("write checks = […] instead");
    expect(unknownKey(["listener", 3, "other"], schema, old)).toMatch(/^is not a setting; allowed here: name, /);
  });
});
