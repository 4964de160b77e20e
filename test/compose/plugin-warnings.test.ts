/** What `config check` says of qmail-spp's lists: plugins that are missing or not executable, and lists that are not there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { warningsOf } from "../../src/compose/warnings.ts";
import { checkConfig } from "../../src/config/load.ts";

const home = mkdtempSync(join(tmpdir(), "goodmailto-plugins-"));
afterAll(() => rmSync(home, { recursive: true }));
mkdirSync(join(home, "plugins/folder"), { recursive: true });
mkdirSync(join(home, "control"));
writeFileSync(join(home, "plugins/good"), "#!/bin/sh\n", { mode: 0o755 });
writeFileSync(join(home, "plugins/plain"), "#!/bin/sh\n", { mode: 0o644 });

const base = `[snapshot]\npath = "snapshot.sqlite"\n[domains]\nrelay = ["kontor.example"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://192.0.2.25"\n`;

/** Warnings as "line key: message", without the folder. */
function warnings(text: string): string[] {
  const loaded = checkConfig(`${text}${base}`, join(home, "c.toml"), schemaFor, ["relay", "sync"]);
  if (loaded.kind !== "ok") {
    throw new Error(JSON.stringify(loaded.faults));
  }
  return warningsOf(loaded, ["relay", "sync"])
    .map(({ line, key, message }) => `${line} ${key}: ${message}`.replaceAll(`${home}/`, ""))
    .filter((line) => !line.includes("certificate"));
}

const list = (name: string, text: string): string => {
  writeFileSync(join(home, "control", name), text);
  return `[spp]\nhome = "${home}"\nconfig = "control/${name}"\n`;
};

describe("plugins of qmail-spp", () => {
  it("are named where they are missing, not executable, or no file", () => {
    const text =
      "[connection]\nplugins/good\n:echo E550 no\n[mail]\nplugins/plain\n[rcpt]\nplugins/gone\nplugins/good strict\nplugins/folder\n";
    const at = "3 spp.config: control/all: the plugin";
    expect(warnings(list("all", text))).toEqual([
      `${at} "plugins/plain" at mail is not executable: chmod +x plugins/plain`,
      `${at} "plugins/gone" at rcpt is missing (plugins/gone)`,
      `${at} "plugins/good strict" at rcpt is missing (plugins/good strict); a line is one file name, without arguments: write ":plugins/good strict" for the shell`,
      `${at} "plugins/folder" at rcpt is not a file`,
    ]);
  });

  it("are not named where they can be run, or where the check spp does not run", () => {
    expect(warnings(list("good", "[rcpt]\nplugins/good\n:true\n"))).toEqual([]);
    const gone = list("gone", "[rcpt]\nplugins/gone\n");
    expect(warnings(gone)).toHaveLength(1);
    expect(warnings(`${gone}mode = "off"\n`)).toEqual([]);
    expect(warnings(`${gone}[checks]\nrun = ["goodmailto"]\n`)).toEqual([]);
  });

  it("are looked for in the lists of listeners and of client rules, too", () => {
    const good = list("good", "[rcpt]\nplugins/good\n");
    list("own", "[rcpt]\nplugins/own\n");
    writeFileSync(join(home, "rules"), '192.0.2.:allow,SPPCONFFILE="control/own"\n:allow,SPPCONFFILE="/dev/null"\n');
    const listener = '[[listener]]\nname = "a"\nlisten = "127.0.0.1:0"\nvariables = { SPPCONFFILE = "control/none" }\n';
    expect(warnings(`${good}[clients]\nrules = "rules"\n${listener}`)).toEqual([
      '5 clients.rules: control/own: the plugin "plugins/own" at rcpt is missing (plugins/own)',
      '9 listener "a" variables.SPPCONFFILE: "control/none" is missing: no plugin runs until it is there',
    ]);
  });

  it("are not missed by somebody who has none", () => {
    expect(warnings("")).toEqual([]);
    expect(warnings('[spp]\nconfig = "control/mine"\n')).toEqual([
      '2 spp.config: "/var/qmail/control/mine" is missing: no plugin runs until it is there',
    ]);
  });
});
