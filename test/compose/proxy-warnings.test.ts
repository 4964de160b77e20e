/** What `config check` says of proxies that may relay. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { proxyWarnings } from "../../src/compose/proxy-warnings.ts";
import { settingsOf } from "../fakes/relay.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-proxies-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "rules"), '10.0.0.:allow,RELAYCLIENT=""\n:allow\n');

const warned = (listener: string): unknown[] =>
  proxyWarnings(
    settingsOf(
      `[clients]\nrules = "{folder}/rules"\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:9"\n[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\n${listener}`,
      folder,
    ),
  ).map(({ path, message }) => `${path.join(".")} ${/^"[^"]*"/.exec(message)?.[0] ?? ""}`);

it("warns of a proxy with RELAYCLIENT, by client rules or variables, and of no other", () => {
  expect(warned('proxy_from = ["192.0.2.5"]\nxclient_from = ["192.0.2.6"]')).toEqual([]);
  expect(warned('proxy_from = ["192.0.2.5", "10.0.0.5"]')).toEqual(['listener.0.proxy_from "10.0.0.5"']);
  expect(warned('xclient_from = ["10.0.0.0/24"]')).toEqual(['listener.0.xclient_from "10.0.0.0/24"']);
  expect(warned('xclient_from = ["192.0.2.6"]\nvariables = { RELAYCLIENT = "" }')).toEqual([
    'listener.0.xclient_from "192.0.2.6"',
  ]);
});

it("warns of a proxy that may speak for any client where it names none", () => {
  const wanted = ['listener.0.xclient_from "192.0.2.5"'];
  expect(warned('proxy_from = ["192.0.2.4", "192.0.2.5"]\nxclient_from = ["192.0.2.0/29"]')).toEqual([
    'listener.0.xclient_from "192.0.2.4"',
  ]);
  expect(warned('proxy_from = ["192.0.2.5"]\nxclient_from = ["192.0.2.5"]')).toEqual(wanted);
  expect(warned('proxy_from = ["192.0.2.0/29"]\nxclient_from = ["192.0.2.5"]')).toEqual(wanted);
  expect(warned('proxy_from = ["192.0.2.0/29"]\nxclient_from = ["192.0.2.8"]')).toEqual([]);
});
