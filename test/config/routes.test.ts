/** Routes in `config check`: a next hop that is the relay itself, and mail for the world that is sent inside. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { warningsOf } from "../../src/compose/warnings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { worldWarnings } from "../../src/config/route-warnings.ts";
import { formatFault } from "../../src/config/toml.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-routes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "c.toml");

function load(text: string) {
  writeFileSync(join(folder, "tcp.smtp"), '127.:allow,RELAYCLIENT=""\n:allow\n');
  writeFileSync(join(folder, "blocks"), '10.32.0.0/12:allow,RELAYCLIENT=""\n10.33.0.1:deny\n');
  writeFileSync(join(folder, "strangers"), '10.:allow,NOGOODMAILTO=""\n');
  writeFileSync(join(folder, "passwords"), "");
  return checkConfig(text, file, schemaFor, ["relay"]);
}

function faults(text: string): string[] {
  const loaded = load(text);
  return loaded.kind === "ok" ? [] : loaded.faults.map((fault) => formatFault(fault).slice(folder.length + 1));
}

function warnings(text: string): string[] {
  const loaded = load(text);
  expect(loaded.kind === "ok" ? [] : loaded.faults).toEqual([]);
  return loaded.kind === "ok"
    ? warningsOf(loaded, ["relay"]).map((each) => formatFault(each).slice(folder.length + 1))
    : [];
}

const address = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === "IPv4" && !each.internal)?.address;
const wild = '[smtp]\nhostname = "mx.kontor.example"\nlisten = ["0.0.0.0:2525"]\n';
const to = (hop: string): string => `[[route]]\ndomain = "*"\nnext_hop = ${hop}\n`;

describe("a next hop that is the relay itself", () => {
  it.each([
    ['[smtp]\nlisten = ["127.0.0.1:2525"]\n', '"smtp://127.0.0.1:2525"'],
    ['[smtp]\nlisten = ["127.0.0.1:2525"]\n', '"smtp://localhost:2525"'],
    ['[smtp]\nlisten = ["[::1]:2525"]\n', '"smtp://[::1]:2525"'],
    ['[smtp]\nlisten = ["[::1]:2525"]\n', '"smtp://localhost:2525"'],
    ['[smtp]\nlisten = ["[::]:465"]\n', '"smtps://127.0.0.1"'],
    [wild, '"smtp://127.0.0.9:2525"'],
    [wild, '"smtp://MX.kontor.example:2525"'],
    ['[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:25", "192.0.2.1:2526"]\n', '"smtp://192.0.2.1:2526"'],
    ...(address === undefined ? [] : [[wild, `"smtp://${address}:2525"`]]),
  ])("is an error: %j with %s", (listen, hop = "") => {
    expect(faults(`${listen}${to(hop)}`).join("\n")).toMatch(
      /: route "[^"]+" next_hop: "smtps?:.*" is the relay itself: /,
    );
  });

  it("is named within a list, at its line", () => {
    expect(faults(`${wild}${to('[\n"smtp://192.0.2.25",\n"smtp://127.0.0.1:2525",\n]')}`)).toEqual([
      'c.toml:8:1: route "*" next_hop: "smtp://127.0.0.1:2525" is the relay itself: listener "smtp" listens at "0.0.0.0:2525"; allowed: another server',
    ]);
  });

  it.each([
    ['[smtp]\nlisten = ["127.0.0.1:2525"]\n', '"smtp://127.0.0.1:2526"'],
    ['[smtp]\nlisten = ["127.0.0.1:2525"]\n', '"smtp://127.0.0.2:2525"'],
    ['[smtp]\nlisten = ["systemd"]\n', '"smtp://127.0.0.1:25"'],
    [wild, '"smtp://192.0.2.25:2525"'],
    [wild, '["mx", "smtp://mx.kontor.example:25"]'],
  ])("is none of %j with %s", (listen, hop) => {
    expect(faults(`${listen}${to(hop)}`)).toEqual([]);
  });
});

const own = '[domains]\nrelay = ["kontor.example", ".kontor.example"]\n';
const rules = (name: string): string => `[clients]\nrules = "${name}"\n`;
const inside = 'domain = "kontor.example"\nnext_hop = "smtp://192.0.2.25:25"\n';

describe("mail for the world", () => {
  it.each(["tcp.smtp", "blocks"])("that leads inside is warned of if %s gives RELAYCLIENT", (name) => {
    expect(warnings(`${own}${rules(name)}${to('"smtp://192.0.2.25"')}`)).toEqual([
      expect.stringMatching(
        /^c\.toml:7:1: route "[^"]+" next_hop: leads mail for other domains to 192\.0\.2\.25:25, .*circle/,
      ),
    ]);
    const two = `${own}${rules(name)}[[route]]\n${inside}[[route]]\ndomain = ".kontor.example"\nnext_hop = ["smtp://192.0.2.26", "smtp://192.0.2.25"]\n${to('"smtp://192.0.2.25:25"')}`;
    expect(warnings(two)).toEqual([
      expect.stringMatching(/^c\.toml:13:1: route "[^"]+" next_hop: leads mail for other/),
    ]);
  });

  it("that leads inside is warned of where clients log in, or a listener gives RELAYCLIENT", () => {
    const more = `[[listener]]\nname = "in"\nlisten = ["127.0.0.1:2525"]\nvariables = { RELAYCLIENT = "" }\n`;
    expect(warnings(`${own}${to('"smtp://192.0.2.25"')}${more}`).join("\n")).toMatch(/clients with RELAYCLIENT send/);
  });

  it("that has no route is warned of", () => {
    expect(warnings(`${own}${rules("tcp.smtp")}[[route]]\n${inside}`)).toEqual([
      expect.stringMatching(/^c\.toml:6:1: route "[^"]+" domain: no \[\[route\]\] is for other domains: .* 451/),
    ]);
  });

  it.each([
    [
      "a route of its own",
      `${rules("tcp.smtp")}[[route]]\n${inside}[[route]]\ndomain = ".kontor.example"\nnext_hop = "smtp://192.0.2.25"\n${to('"mx"')}`,
    ],
    [
      "a smarthost",
      `${rules("tcp.smtp")}[[route]]\n${inside}[[route]]\ndomain = ".kontor.example"\nnext_hop = "smtp://192.0.2.25"\n${to('"smtp://192.0.2.99"')}`,
    ],
    ["nobody who may send there", `${rules("strangers")}${to('"smtp://192.0.2.25"')}`],
    ["no client rules", to('"smtp://192.0.2.25"')],
  ])("is fine with %s", (_, text) => {
    expect(warnings(`${own}${text}`)).toEqual([]);
  });
});

describe("the example of docs/submission.md", () => {
  it("sends the mail of its logins neither in a circle nor nowhere", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/submission.md"), "utf8");
    const [, text = ""] = /^`goodmailto\.toml`:\n\n```toml\n(.*?)^```$/ms.exec(page) ?? [];
    const loaded = checkConfig(text, file, schemaFor, []);
    expect(loaded.kind === "ok" ? loaded.settings.listener.some(({ auth }) => auth) : loaded.faults).toBe(true);
    expect(loaded.kind === "ok" ? worldWarnings(loaded.settings, true) : []).toEqual([]);
    // So it was before.
    const before = checkConfig(text.replace('next_hop = "mx"', 'next_hop = "smtp://192.0.2.25"'), file, schemaFor, []);
    expect(before.kind === "ok" ? worldWarnings(before.settings, false) : []).toHaveLength(1);
  });
});

describe("tls_name", () => {
  it("is warned of where no certificate is verified", () => {
    const with_ = (tls: string, hop = '"smtp://192.0.2.25"'): string[] =>
      warnings(`${own}${to(hop)}tls = "${tls}"\ntls_name = "inside.kontor.example"\n`);
    expect(with_("off")).toEqual([expect.stringMatching(/^c\.toml:7:1: route "[^"]+" tls_name: has no effect/)]);
    expect(with_("opportunistic")).toHaveLength(1);
    expect(with_("require")).toEqual([]);
    expect(with_("off", '"smtps://192.0.2.25"')).toEqual([]);
  });

  it("and all that only SMTP has are warned of where no next hop speaks it", () => {
    const route = `${own}${to('"maildir:/var/mail/all"')}tls = "require"\nreplies = "own"\n`;
    expect(warnings(route)).toEqual(
      ["tls", "replies"].map((key) =>
        expect.stringMatching(new RegExp(` ${key}: has no effect: no next_hop of this route speaks SMTP`)),
      ),
    );
  });

  it("must be a host name", () => {
    expect(faults(`${to('"mx"')}tls_name = "a b"`).join("\n")).toMatch(/route "[^"]+" tls_name: must be a host name/);
  });
});

describe("next_hop", () => {
  it("cannot mix servers that speak LMTP with others", () => {
    expect(faults(to('["lmtp://192.0.2.25", "lmtp:/run/lmtp"]'))).toEqual([]);
    expect(faults(to('["lmtp://192.0.2.25", "smtp://192.0.2.26"]')).join("\n")).toMatch(
      /^c\.toml:3:34: route "\*" next_hop: cannot stand beside "lmtp:\/\/192\.0\.2\.25"/,
    );
  });

  it("may be a list; each place of it is checked", () => {
    expect(faults(to('["smtp://192.0.2.25", "mx"]'))).toEqual([]);
    expect(faults(to('["smtp://192.0.2.25", "http://x"]')).join("\n")).toMatch(
      /^c\.toml:3:34: route "\*" next_hop: must be .*"smtp:/,
    );
    expect(faults(to('"lmtp:x"')).join("\n")).toMatch(/^c\.toml:3:1: route "[^"]+" next_hop: must be .*"smtp:/);
    for (const odd of ["[]", "25", "[25]", "{}"]) {
      expect(faults(to(odd)).join("\n"), odd).toMatch(/^c\.toml:3:\d+: route "[^"]+" next_hop: must be/);
    }
  });
});
