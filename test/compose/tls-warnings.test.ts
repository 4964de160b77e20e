/** What `config check` says of the files of TLS: swapped, not fitting, ending, missing, without effect. In words, at the key's line. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { startRelay } from "../../src/compose/relay.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { logWarnings, warningsOf } from "../../src/compose/warnings.ts";
import { deepFaults, deepWarnings } from "../../src/compose/deep-check.ts";
import { checkConfig } from "../../src/config/load.ts";
import { createLog } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { missing } from "../fakes/need.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-tls-warnings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const day = 86_400_000;
const pair = (days: number, from = new Date(Date.now() - day)): { certificate: string; key: string } =>
  makeSelfSigned(["mx.kontor.example"], { from, days });

beforeAll(() => {
  const [good, other] = [pair(90), pair(90)];
  const files = {
    "cert.pem": good.certificate,
    "key.pem": good.key,
    "other-key.pem": other.key,
    "chain.pem": other.certificate + good.certificate,
    "soon.pem": "",
    "text.pem": "not PEM\n",
    "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    password: "secret\n",
  };
  const [soon, ended, later] = [pair(8), pair(30, new Date("2020-01-01")), pair(30, new Date(Date.now() + 2 * day))];
  for (const [name, made] of Object.entries({ soon, ended, later })) {
    Object.assign(files, { [`${name}.pem`]: made.certificate, [`${name}-key.pem`]: made.key });
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
});

const base = `[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
[[route]]
domain = "*"
next_hop = "smtp://192.0.2.25:25"
`;

function load(text: string) {
  const loaded = checkConfig(`${text}`, join(folder, "c.toml"), schemaFor, ["relay", "sync"]);
  if (loaded.kind !== "ok") {
    throw new Error(JSON.stringify(loaded.faults));
  }
  return loaded;
}

/** Errors as `config check` prints them, without the folder. */
async function faults(text: string): Promise<string[]> {
  const loaded = load(`${text}\n${base}`);
  return (await deepFaults(join(folder, "c.toml"), loaded)).map((line) => line.replaceAll(`${folder}/`, ""));
}

/** Warnings as "line key: message", those of the text that comes first. */
async function warnings(text: string): Promise<string[]> {
  const loaded = load(`${text}\n${base}`);
  const all = [...warningsOf(loaded, ["relay", "sync"]), ...(await deepWarnings(join(folder, "c.toml"), loaded))];
  return all.map(({ line, key, message }) => `${line} ${key}: ${message}`.replaceAll(`${folder}/`, ""));
}

const tls = (cert: string, key: string, more = ""): string => `[tls]\ncert = "${cert}"\nkey = "${key}"\n${more}`;
const source = (more: string, url = "ldap://192.0.2.10", type = "ldap"): string =>
  `[[source]]\nname = "d"\ntype = "${type}"\nurl = ["${url}"]\n${more}`;

describe("the files of [tls]", () => {
  it.each([
    [
      "key.pem",
      "cert.pem",
      'c.toml:2:1: tls.cert: "key.pem" holds a private key, and key "cert.pem" the certificate: swap the two',
    ],
    ["key.pem", "key.pem", 'c.toml:2:1: tls.cert: "key.pem" holds a private key, not a certificate'],
    ["cert.pem", "cert.pem", 'c.toml:3:1: tls.key: "cert.pem" holds a certificate, not a private key'],
    ["cert.pem", "other-key.pem", 'c.toml:3:1: tls.key: "other-key.pem" is not the key of the certificate "cert.pem"'],
    [
      "chain.pem",
      "key.pem",
      'c.toml:2:1: tls.cert: the certificate of "key.pem" is number 2 in "chain.pem": it must be first',
    ],
    [
      "cert.pem",
      "text.pem",
      'c.toml:3:1: tls.key: "text.pem" holds no PEM private key; one in DER is turned into PEM by `openssl pkey -inform der`',
    ],
    [
      "text.pem",
      "key.pem",
      'c.toml:2:1: tls.cert: "text.pem" holds no PEM certificate; one in DER is turned into PEM by `openssl x509 -inform der`',
    ],
    [
      "broken.pem",
      "key.pem",
      'c.toml:2:1: tls.cert: "broken.pem" has a certificate that cannot be read, number 1 in the file',
    ],
  ])("%s and %s are refused in words, at their line", async (cert, key, fault) => {
    expect(await faults(tls(cert, key))).toEqual([fault]);
  });

  it.skipIf(missing("openssl"))("are refused with an encrypted key", async () => {
    const words = ["pkey", "-in", "key.pem", "-aes256", "-passout", "pass:x", "-out", "encrypted.pem"];
    execFileSync("openssl", words, { cwd: folder });
    expect(await faults(tls("cert.pem", "encrypted.pem"))).toEqual([
      expect.stringMatching(
        /^c\.toml:3:1: tls\.key: "encrypted\.pem" is encrypted, .* `openssl pkey -in encrypted\.pem`$/,
      ),
    ]);
  });

  it("are taken where they fit", async () => {
    expect(await faults(tls("cert.pem", "key.pem", 'ca = "cert.pem"\n'))).toEqual([]);
  });

  it("warn of a certificate that ends soon, has ended, or is not valid yet", async () => {
    expect(await warnings(tls("soon.pem", "soon-key.pem"))).toEqual([
      expect.stringMatching(/^2 tls\.cert: the certificate "soon\.pem" ends soon, at \d{4}-\d\d-\d\dT/),
    ]);
    expect(await warnings(tls("ended.pem", "ended-key.pem"))).toEqual([
      '2 tls.cert: the certificate "ended.pem" ended at 2020-01-31T00:00:00.000Z',
    ]);
    expect(await warnings(tls("later.pem", "later-key.pem"))).toEqual([
      expect.stringMatching(/^2 tls\.cert: the certificate "later\.pem" is not valid before \d{4}-/),
    ]);
    expect(await warnings(tls("cert.pem", "key.pem"))).toEqual([]);
  });

  it("are missed where a listener that others reach would offer STARTTLS", async () => {
    const no = (name: string): string => `no certificate: listener "${name}" does not offer STARTTLS, and`;
    expect(await warnings('[smtp]\nlisten = ["*:25"]\n')).toEqual([
      expect.stringContaining(`2 smtp.listen: ${no("smtp")}`),
    ]);
    const two =
      '[[listener]]\nname = "mx"\nlisten = "[::]:25"\n[[listener]]\nname = "in"\nlisten = "*:26"\ntls = "off"\n';
    expect(await warnings(two)).toEqual([expect.stringContaining(`3 listener "mx" listen: ${no("mx")}`)]);
    expect(await warnings('[smtp]\nlisten = ["127.0.0.1:25", "[::1]:25"]\n')).toEqual([]);
    expect(await warnings(`${tls("cert.pem", "key.pem")}[smtp]\nlisten = ["*:25"]\n`)).toEqual([]);
  });

  it("are told of once at the start of a relay", async () => {
    copyFileSync(join(folder, "soon-key.pem"), join(folder, "open-key.pem"));
    chmodSync(join(folder, "open-key.pem"), 0o644);
    writeFileSync(join(folder, "passwords"), "", { mode: 0o644 });
    const text = `[smtp]\nlisten = ["127.0.0.1:0"]\n${tls("soon.pem", "open-key.pem")}[auth]\npasswords = "passwords"\n[[listener]]\nname = "a"\nlisten = "127.0.0.1:0"\nauth = true\n${base}`;
    const loaded = load(text);
    const lines: string[] = [];
    const log = createLog({ ...loaded.settings.log, write: (line) => lines.push(line) });
    logWarnings(loaded, log);
    const relay = await startRelay(loaded.settings, log, createMetrics());
    await relay.stop();
    const about = (words: RegExp): string[] => lines.filter((line) => words.test(line));
    expect(about(/open-key\.pem/)).toHaveLength(1);
    expect(about(/passwords/)).toHaveLength(1);
    expect(about(/soon\.pem/)).toHaveLength(1);
  });
});

describe("certificate authorities", () => {
  it.each([
    ["tls.ca", `${tls("cert.pem", "key.pem", 'ca = "key.pem"\n')}`, 4],
    [
      'route "x.example" ca_file',
      '[[route]]\ndomain = "x.example"\nnext_hop = "smtps://192.0.2.1"\nca_file = "key.pem"\n',
      4,
    ],
    ['source "d" ca_file', source('ca_file = "key.pem"\n', "ldaps://192.0.2.10"), 5],
    ["pull.ca_file", '[pull]\nca_file = "key.pem"\n', 2],
  ])("are refused where the file holds a private key: %s", async (key, text, line) => {
    expect(await faults(text)).toEqual([
      `c.toml:${line}:1: ${key}: "key.pem" holds a private key: it must have the certificate of the authority that signed the server's, in PEM`,
    ]);
  });

  it("are told to have no effect without TLS", async () => {
    const ldap = 'source "d" ca_file: has no effect without TLS: write url = "ldaps://…", or starttls = true';
    expect(await warnings(source('ca_file = "cert.pem"\n'))).toEqual([`5 ${ldap}`]);
    expect(await warnings(source('ca_file = "cert.pem"\n', "password", "list"))).toEqual([
      '5 source "d" ca_file: has no effect: type is "list"',
    ]);
    expect(await warnings(source('ca_file = "cert.pem"\nstarttls = true\n'))).toEqual([]);
    expect(await warnings(source('ca_file = "cert.pem"\n', "ldaps://192.0.2.10"))).toEqual([]);
    const route = (more: string): string =>
      `[[route]]\ndomain = "x.example"\nnext_hop = "smtp://192.0.2.1"\nca_file = "cert.pem"\n${more}`;
    expect(await warnings(route(""))).toEqual([
      '4 route "x.example" ca_file: has no effect without TLS: write tls = "require", or next_hop = "smtps://…"',
    ]);
    expect(await warnings(route('tls = "opportunistic"\n'))).toEqual([
      '4 route "x.example" ca_file: has no effect: tls = "opportunistic" verifies no certificate; write tls = "require"',
    ]);
    expect(await warnings(route('tls = "require"\n'))).toEqual([]);
    expect(await warnings('[tls]\nca = "cert.pem"\n')).toEqual([
      "2 tls.ca: has no effect without TLS: write [tls] cert and key",
    ]);
  });
});

describe("settings without effect", () => {
  it("name password_file beside SASL EXTERNAL", async () => {
    const both = (dn: string): string => source(`bind_dn = "${dn}"\npassword_file = "password"\n`, "ldapi:///tmp/x");
    expect(await warnings(both("EXTERNAL"))).toEqual([
      '6 source "d" password_file: has no effect: with bind_dn = "EXTERNAL" the server takes the identity of the connection; remove it, or name a bind_dn',
    ]);
    expect(await warnings(both("cn=x"))).toEqual([]);
  });

  it("name starttls without ldap://, a login that nobody is offered, and senders that nobody asks for", async () => {
    expect(await warnings(source("starttls = true\n", "ldaps://192.0.2.10"))).toEqual([
      '5 source "d" starttls: has no effect: no url begins with ldap://',
    ]);
    expect(await warnings('[auth]\npasswords = "password"\nsender_map = "password"\n')).toEqual([
      "2 auth.passwords: has no effect: no listener offers AUTH; write auth = true in a [[listener]]",
      '3 auth.sender_map: has no effect: [auth] sender is "any"; write sender = "own"',
    ]);
  });

  it("name [sync] delta where no source has deltas", async () => {
    const delta = (more: string): string => `[sync]\ndelta = "1m"\n${more}`;
    const none = [expect.stringMatching(/^2 sync\.delta: has no effect: no \[\[source\]\] reports changes/)];
    writeFileSync(join(folder, "d.ldif"), "");
    expect(await warnings(delta(source('preset = "domino"\n')))).toEqual(none);
    expect(await warnings(delta(source('changes = "none"\npreset = "openldap"\n')))).toEqual(none);
    expect(await warnings(delta(source("", "d.ldif", "ldif")))).toEqual(none);
    expect(await warnings(delta(source('preset = "openldap"\n')))).toEqual([]);
    expect(await warnings(source('preset = "domino"\n'))).toEqual([]);
  });
});
