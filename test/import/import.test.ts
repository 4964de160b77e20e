import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { writeCdb } from "../../src/export/cdb.ts";
import { schema, schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { Draft } from "../../src/import/draft.ts";
import { finish } from "../../src/import/finish.ts";
import { openFolder, qpsmtpdFolder } from "../../src/import/folder.ts";
import { readKnown } from "../../src/import/known.ts";
import { importQpsmtpd } from "../../src/import/qpsmtpd.ts";
import { findPlugin, plugins } from "../../src/import/plugins.ts";
import { Scene } from "../end-to-end/scene.ts";
import { missing } from "../fakes/need.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Writes a folder of files. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(scene.folder, "old");
  mkdirSync(join(folder, "config"), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Imports, and checks what was written. @returns the TOML */
async function imported(...words: string[]): Promise<string> {
  const output = join(scene.folder, "goodmailto.toml");
  const { code, stderr } = await scene.call("import", ...words, "--output", output);
  expect([code, stderr.split("\n").filter((line) => line.startsWith("goodmailto:"))]).toEqual([0, []]);
  const checked = await scene.call("config", "check", "--config", output);
  expect([checked.code, checked.stderr.split("\n").filter((line) => !/^warning|^$/.test(line))]).toEqual([0, []]);
  return readFileSync(output, "utf8");
}

/** The same in this process. */
function translated(folder: string): string {
  const known = readKnown(
    schema,
    checks.map(({ name }) => name),
  );
  const plan = qpsmtpdFolder(folder);
  const draft = new Draft();
  importQpsmtpd(draft, openFolder([plan.folder]), known, plan.isFlat);
  return finish(draft, "test");
}

function faultsOf(text: string): string[] {
  const loaded = checkConfig(text, join(scene.folder, "goodmailto.toml"), schemaFor, ["relay", "sync"]);
  return loaded.kind === "faults" ? loaded.faults.map(formatFault) : [];
}

describe("goodmailto import --qpsmtpd", () => {
  it.skipIf(missing("qpsmtpd-forkserver"))("takes Debian's own configuration of qpsmtpd 0.94", async () => {
    const text = await imported("--qpsmtpd", "/etc/qpsmtpd");
    expect(text).toContain('folders = ["/etc/qpsmtpd"]');
    const labels = [...text.matchAll(/^ {2}"([\w:]+)",$/gm)].map(([, label]) => label);
    expect(labels).toEqual(["rhsbl", "dnsbl", "badhelo", "badmailfrom", "badrcptto", "loop"]);
    expect(text).toMatch(/^# plugins:\d+: check_earlytalker action log\n# {5}setting: \[smtp\]/m);
    expect(text).toMatch(/^# plugins:\d+: rcpt_ok\n# {5}other means: /m);
  });

  it.skipIf(missing("qpsmtpd-forkserver"))("knows every plugin of Debian's package", () => {
    const folder = "/usr/share/qpsmtpd/plugins";
    const names = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !["registry.txt", "karma_tool", "queue"].includes(entry.name))
      .map(({ name }) => name);
    expect(names.length).toBeGreaterThan(80);
    expect(names.filter((name) => findPlugin(name) === undefined)).toEqual([]);
  });

  it.each([
    ["check_earlytalker", "refuse"],
    ["check_earlytalker action deny", "refuse-permanent"],
    ["check_earlytalker action log defer-reject 1", "log"],
    ["check_earlytalker defer-reject 1", "defer"],
    ["check_earlytalker action=deny defer-reject=1", "defer-permanent"],
    ["earlytalker", "refuse-permanent"],
    ["earlytalker reject 0", "log"],
    ["earlytalker reject 1 reject_type perm", "refuse-permanent"],
    ["earlytalker reject 1 reject_type temp defer-reject 1", "defer"],
  ])("knows what becomes of early talkers: %s", (line, expected) => {
    expect(translated(folderOf({ "config/plugins": `${line}\n` }))).toContain(`early_talker = "${expected}"`);
  });

  it("reads the file of connection_shaper, with its whitelist", () => {
    const files = {
      "config/plugins": "connection_shaper\n",
      "config/connection_shaper": "exptime 30\nthreshold 5\nwhitelist 192.168.1., 10.0.0\nmemcached_port 11211\n",
    };
    const text = translated(folderOf(files));
    expect(text).toContain('connection_rate = "5/30s"');
    expect(text).toContain('connection_rate_exempt = ["192.168.1.", "10.0.0."]');
  });

  it("takes the domains of morercpthosts.cdb, and names one that cannot be read", () => {
    const folder = folderOf({ "config/plugins": "rcpt_ok\n", "config/rcpthosts": "kontor.example\n" });
    const path = join(folder, "config/morercpthosts.cdb");
    const domains = Array.from({ length: 300 }, (_, n) => `d${n}.example`);
    writeFileSync(path, writeCdb([...domains, ".sub.example", "kontor.example"]));
    const text = translated(folder);
    expect(text).toMatch(/relay = \["kontor\.example", "d0\.example", .*"d299\.example", "\.sub\.example"\]/);
    expect(text).toMatch(/^# morercpthosts\.cdb\n# {5}setting: /m);
    writeFileSync(path, "no cdb");
    const old = openFolder([join(folder, "config")]);
    expect([old.keys("morercpthosts.cdb"), old.faults]).toEqual([
      [],
      [`${path}: Cannot read cdb: shorter than its header`],
    ]);
  });

  it.each([
    ["require_resolvable_client per_recipient 1 at_connect 1", "per_recipient = true"],
    ["require_resolvable_client at_connect 1", 'at = "connection"'],
    ["fcrdns reject 1", 'mode = "observe"'],
  ])("refuses for a host name when the original did: %s", (line, setting) => {
    const text = translated(folderOf({ "config/plugins": `${line}\n` }));
    expect(text).toContain(`[checks.require_resolvable_client]\n# plugins:1: ${line}\n${setting}\n`);
    expect(faultsOf(text).filter((fault) => fault.includes("require_resolvable_client"))).toEqual([]);
  });

  it("makes every line an instance where several become the same check, whatever their plugins and labels", () => {
    const lines = [
      "require_resolvable_client",
      "fcrdns reject 1",
      "badmailfrom",
      "badmailfrom:1",
      "dnsbl:A disconnect",
      "dnsbl:a",
      "virus/aveclient",
      "virus/bitdefender",
      "helo",
    ];
    const text = translated(
      folderOf({
        "config/plugins": `${lines.join("\n")}\n`,
        "config/dnsbl_zones": "bl.example\n",
        "config/rcpthosts": "kontor.example\n",
      }),
    );
    expect([...text.matchAll(/^ {2}"(.*)",$/gm)].map(([, label]) => label)).toEqual([
      "require_resolvable_client:1",
      "require_resolvable_client:2",
      "badmailfrom:2",
      "badmailfrom:1",
      "dnsbl:a",
      "dnsbl:a-2",
      "scanner:1",
      "scanner:2",
      "badhelo",
    ]);
    expect(text).toContain('# plugins:2: fcrdns reject 1\nname = "2"\nmode = "observe"\n');
    expect(text).toContain('# plugins:8: virus/bitdefender\nname = "2"\npreset = "bitdefender"\n');
    expect(text).toContain('List of "dnsbl", read where it is.');
    expect(faultsOf(text)).toEqual([]);
  });

  it("takes the order, arguments in both forms, instances, included files and domains", async () => {
    const folder = folderOf({
      "config/plugins":
        "check_earlytalker wait=3\nrcpt_regexp\n# a comment\n$include more\ndnsbl:0 disconnect\nbadmailfrom\ndnsbl:1\nqueue/smtp-forward inside.example 2525\n",
      "config/more": "check_badrcptto\ncheck_loop 30\n",
      "config/me": "MX.kontor.example\n",
      "config/rcpthosts": "kontor.example\n.kontor.example\nno domain at all\n",
      "config/databytes": "10000000\n",
      "config/badmailfrom": "^bulk@\n",
      "config/rcpt_regexp": "/^x@/ DENY no\n",
    });
    const text = await imported("--qpsmtpd", folder);
    const labels = [...text.matchAll(/^ {2}"([\w:]+)",$/gm)].map(([, label]) => label);
    expect(labels).toEqual(["rcpt_regexp", "badrcptto", "loop", "dnsbl:0", "badmailfrom", "dnsbl:1"]);
    for (const line of [
      'greeting_delay = "3s"',
      'hostname = "mx.kontor.example"',
      'relay = ["mx.kontor.example", "kontor.example", ".kontor.example"]',
      'max_message_size = "10000000B"',
      "max = 28",
      "patterns = true",
      'next_hop = "smtp://inside.example:2525"',
      '[[checks.dnsbl]]\n# plugins:5: dnsbl:0 disconnect\nname = "0"\nclose = true',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain("# more:2: check_loop 30\n");
    expect(text).toContain("left out: no domain at all");
  });

  it("keeps a setting that makes sense only beside another one of its line", () => {
    const folder = folderOf({ "config/plugins": "virus/sophie sophie_socket /run/sophie.sock\n" });
    expect(translated(folder)).toContain('preset = "sophie"\ncommand = ["/run/sophie.sock"]\n');
  });

  it("says of every line what became of it, also of plugins that nobody knows and of hostile ones", async () => {
    const folder = folderOf({
      "config/plugins": '/opt/own/plugin x\nMy::Plugin\nqueue/qmail-queue\nbad"name\u0001 "]\nquit_fortune\n',
      "config/me": '"]\nrun = ["\n',
    });
    const text = await imported("--qpsmtpd", folder);
    const account = text.slice(0, text.indexOf("\n\n")).split("\n");
    expect(account.filter((line) => line.startsWith("# plugins:"))).toHaveLength(5);
    expect(account.filter((line) => /^# {5}(?:nothing|other means): \S/.test(line)).length).toBeGreaterThanOrEqual(5);
    expect(text).toContain('# plugins:4: bad"name? "]\n');
  });

  it("writes what config check accepts for every plugin there is, whatever its arguments", () => {
    const names = plugins.flatMap((plugin) => plugin.names);
    const words = ["", " 5", " x=1 target trap@kontor.example", " disconnect", " reject_type temp", " 0 days"];
    for (const [i, word] of words.entries()) {
      const lines = names.map((name) => `${name}${word}\n`);
      const folder = folderOf({ "config/plugins": lines.join(""), "config/rcpthosts": "kontor.example\n" });
      const text = translated(folder);
      expect([i, faultsOf(text)]).toEqual([i, []]);
      expect([i, text.slice(0, text.indexOf("\n\n")).match(/^# plugins:\d+: /gm)?.length]).toEqual([i, names.length]);
    }
  });

  it("looks for files that are not there in qmail's folder", async () => {
    const folder = folderOf({
      "config/plugins": "check_badmailfrom\n",
      rcpthosts: "kontor.example\n",
      badmailfrom: "a@b.example\n",
    });
    const text = await imported("--qpsmtpd", folder, "--qmail", folder);
    expect(text).toContain(`folders = ["${folder}/config", "${folder}"]`);
    expect(text).toContain('relay = ["kontor.example"]');
  });

  it("has exit status 69 where the file cannot be written", async () => {
    const folder = folderOf({ "config/plugins": "badmailfrom\n" });
    const { code, stderr } = await scene.call("import", "--qpsmtpd", folder, "-o", join(scene.folder, "no/such.toml"));
    expect(code).toBe(69);
    expect(stderr).toMatch(/^goodmailto: cannot write "/m);
  });

  it("has exit status 2 where there is no such configuration, and writes nothing", async () => {
    const circle = folderOf({ "config/plugins": "badmailfrom\n$include plugins\n" });
    for (const words of [[], ["--qpsmtpd", scene.folder], ["--qmail", "/nonexistent"], ["--qpsmtpd", circle]]) {
      const { code, stdout, stderr } = await scene.call("import", ...words);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^goodmailto: /);
    }
  });
});

describe("goodmailto import --qmail", () => {
  it("takes a control folder", async () => {
    const folder = folderOf({
      me: "mx.kontor.example\n",
      rcpthosts: "kontor.example\n.kontor.example\n",
      morercpthosts: "more.example\n",
      badmailfrom: "bad@spam.example\n",
      badrcptto: "gone@kontor.example\n",
      goodmailto: "vera\n# a comment\notto\n",
      smtproutes:
        "kontor.example:inside.example:2525\n.kontor.example:[192.0.2.1]\nsix.example:[2001:db8::1]:26\nmx.example:\n:relay.example\nbroken line\n",
      databytes: "0\n",
      timeoutsmtpd: "600\n",
      smtpplugins: "[rcpt]\nplugins/one\n",
      locals: "kontor.example\n",
      verybadrcptto: "trap@kontor.example\n",
    });
    const text = await imported("--qmail", folder);
    for (const line of [
      'hostname = "mx.kontor.example"',
      'relay = ["kontor.example", ".kontor.example", "more.example"]',
      'max_message_size = "0B"',
      'idle_timeout = "600s"',
      'match = "user-part"',
      `url = ["${folder}/goodmailto"]`,
      `config = "${folder}/smtpplugins"`,
      'domain = "kontor.example"\nnext_hop = "smtp://inside.example:2525"',
      'domain = ".kontor.example"\nnext_hop = "smtp://192.0.2.1:25"',
      'next_hop = "smtp://[2001:db8::1]:26"',
      'domain = "mx.example"\nnext_hop = "mx"',
      'domain = "*"\nnext_hop = "smtp://relay.example:25"',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain("Not read: broken line");
    expect(text).toMatch(/^# locals\n# {5}nothing: /m);
    expect(text).toMatch(/^# verybadrcptto\n# {5}other means: List of a plugin\. Add "verybadrcptto" to /m);
    const labels = [...text.matchAll(/^ {2}"([\w:]+)",$/gm)].map(([, label]) => label);
    expect(labels).toEqual(["badmailfrom", "badrcptto", "spp", "goodmailto"]);
  });
});
