/** What `config check` says of folders, programs, secrets and addresses that are not as the configuration needs them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { networkWarnings } from "../../src/compose/network-folders.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { warningsOf } from "../../src/compose/warnings.ts";
import { checkConfig } from "../../src/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-places-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A good configuration with these sections. */
function loadedOf(text: string) {
  const base = '[domains]\nrelay = ["kontor.example"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://198.51.100.25:25"\n';
  const loaded = checkConfig(`${base}${text}`, join(folder, "c.toml"), schemaFor, ["relay", "sync"]);
  if (loaded.kind !== "ok") {
    throw new Error(JSON.stringify(loaded.faults));
  }
  return loaded;
}

/** Warnings as "key: message". */
function warnings(text: string): string[] {
  const own = /folder|program|every user|address/;
  return warningsOf(loadedOf(text), ["relay", "sync"])
    .map(({ key, message }) => `${key}: ${message}`)
    .filter((line) => own.test(line));
}

describe("warnings of places", () => {
  mkdirSync(join(folder, "there"));
  const fine = '[snapshot]\npath = "there/snapshot.sqlite"\n';

  it("name folders that are missing, and none that are there", () => {
    expect(warnings('[snapshot]\npath = "gone/snapshot.sqlite"\n[recipients]\nobserve_file = "gone/o.json"\n')).toEqual(
      [
        `snapshot.path: the folder "${folder}/gone" is missing`,
        `recipients.observe_file: the folder "${folder}/gone" is missing`,
      ],
    );
    expect(warnings(`${fine}[recipients]\nobserve_file = "there/o.json"\n`)).toEqual([]);
    expect(warnings(`${fine}[log]\nsinks = ["stderr", "file:${folder}/gone/l", "file:${folder}/there/l"]\n`)).toEqual([
      `log.sinks: the folder "${folder}/gone" is missing`,
    ]);
    const lookup = (path: string): string =>
      `${fine}[[lookup]]\nname = "a"\nprotocol = "tcp"\nlisten = ["127.0.0.1:1", "unix:${folder}/${path}/a"]\n`;
    expect(warnings(lookup("there"))).toEqual([]);
    expect(warnings(lookup("gone"))).toEqual([`lookup "a" listen: the folder "${folder}/gone" is missing`]);
  });

  it("name folders of databases on another machine, by what the system says of their file system", () => {
    const at = (name: string): string => join(folder, name);
    const settings = loadedOf(
      `[state]\nfolder = "${at("there")}"\n[trace]\nkeep = "1d"\nfolder = "${at("gone")}"\n[guard]\ntraffic = true\ntraffic_folder = "${folder}"\n`,
    ).settings;
    const { type } = statfsSync(folder);
    expect(networkWarnings(settings, new Map([[type, "TEST"]])).map((one) => one.path)).toEqual([
      ["state", "folder"],
      ["guard", "traffic_folder"],
    ]);
    expect(networkWarnings(settings, new Map([[type + 1, "TEST"]]))).toEqual([]);
    expect(networkWarnings(settings)).toEqual([]);
  });

  it("name programs that are missing or not executable", () => {
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o644 });
    const text = `${fine}[auth]\ncommand = ["${program}"]\n[alert]\ncommand = ["no-such-program"]\n`;
    expect(warnings(text)).toEqual([
      `auth.command: the program "${program}" is missing or not executable`,
      'alert.command: the program "no-such-program" is missing or not executable',
    ]);
    chmodSync(program, 0o755);
    expect(warnings(`${fine}[auth]\ncommand = ["${program}"]\n[alert]\ncommand = ["sh"]\n`)).toEqual([]);
  });

  it("name secrets that every user may read", () => {
    const file = join(folder, "passwords");
    writeFileSync(file, "", { mode: 0o644 });
    const text = `${fine}[auth]\npasswords = "passwords"\n`;
    expect(warnings(text)).toEqual([`auth.passwords: "${file}" can be read by every user: chmod o= ${file}`]);
    const sql = `${fine}[auth.sql]\nurl = "mysql://u@localhost/d"\npassword_file = "passwords"\n`;
    expect(warnings(sql)).toEqual([`auth.sql.password_file: "${file}" can be read by every user: chmod o= ${file}`]);
    chmodSync(file, 0o640);
    expect(warnings(text)).toEqual([]);
  });

  it("name every kind of secret", () => {
    writeFileSync(join(folder, "secret"), "", { mode: 0o644 });
    const text = `[snapshot]
path = "there/snapshot.sqlite"
key_file = "${folder}/secret"
signing_key_file = "${folder}/secret"
[tls]
cert = "${folder}/secret"
key = "${folder}/secret"
[pull]
password_file = "${folder}/secret"
[[publish]]
name = "a"
to = "https://192.0.2.1/"
password_file = "${folder}/secret"
[[source]]
name = "a"
type = "ldap"
url = "ldap://192.0.2.1"
password_file = "${folder}/secret"
[[route]]
domain = "kontor.example"
next_hop = "https://192.0.2.1/"
password_file = "${folder}/secret"
[[lookup]]
name = "http"
protocol = "http"
listen = ["127.0.0.1:1"]
token_file = "${folder}/secret"
`;
    const keys = warnings(text).filter((line) => line.endsWith(`chmod o= ${folder}/secret`));
    expect(keys.map((line) => line.replace(/: .*/, "")).sort()).toEqual([
      'lookup "http" token_file',
      'publish "a" password_file',
      "pull.password_file",
      'route "kontor.example" password_file',
      "snapshot.key_file",
      "snapshot.signing_key_file",
      'source "a" password_file',
      "tls.key",
    ]);
  });

  it("name addresses that this machine does not have", () => {
    expect(warnings(`${fine}[smtp]\nlisten = ["192.0.2.1:25", "127.0.0.1:25", "0.0.0.0:26", "[::1]:27"]\n`)).toEqual([
      "smtp.listen: this machine does not have the address 192.0.2.1",
    ]);
    const lookup = '[[lookup]]\nname = "a"\nprotocol = "http"\nlisten = "198.51.100.2:25"\ntoken_file = "token"\n';
    writeFileSync(join(folder, "token"), "", { mode: 0o600 });
    expect(warnings(`${fine}${lookup}`)).toEqual([
      'lookup "a" listen: this machine does not have the address 198.51.100.2',
    ]);
  });
});
