/** Beside the original: the same list files and envelopes at qpsmtpd 0.94-5 and at a relay, verdict by verdict. */
import { globSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { schema } from "../../src/compose/settings.ts";
import { Draft } from "../../src/import/draft.ts";
import { finish } from "../../src/import/finish.ts";
import { openFolder } from "../../src/import/folder.ts";
import { readKnown } from "../../src/import/known.ts";
import { findPlugin } from "../../src/import/plugins.ts";
import { importQpsmtpd } from "../../src/import/qpsmtpd.ts";
import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import type { RecordType } from "../fakes/dns-message.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { converse } from "./converse.ts";
import { differences } from "./differences.ts";
import type { Difference } from "./differences.ts";
import { startServices } from "./asked.ts";
import type { Services } from "./asked.ts";
import { startQpsmtpd } from "./qpsmtpd.ts";
import type { Qpsmtpd } from "./qpsmtpd.ts";
import type { Row } from "./row.ts";
import { rows } from "./rows.ts";
import { uncompared } from "./uncompared.ts";

/** The relay of a row: `{folder}` is where the list files are. */
async function startOurs(row: Row, services: Services, hop: NextHop, dns: FakeDns): Promise<TestRelay> {
  const { name, run, toml, files, ipv6 } = row;
  const sections = [
    `[control]\nfolders = ["{folder}"]`,
    `[dns]\nservers = ["${dns.server}"]`,
    `[checks]\nrun = ${JSON.stringify(run ?? [name])}`,
    services.fill(toml ?? ""),
    ...(ipv6 === true ? [`[smtp]\nlisten = ["[::1]:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"`] : []),
    `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"`,
  ];
  return startTestRelay({
    config: sections.join("\n"),
    files: Object.fromEntries(Object.entries(files).map(([file, text]) => [file, `${text}\n`])),
  });
}

/** A relay with the configuration that `goodmailto import` makes of qpsmtpd's own. */
async function startImported({ folder }: Qpsmtpd, hop: NextHop, ipv6: boolean): Promise<TestRelay> {
  const known = readKnown(
    schema,
    checks.map(({ name }) => name),
  );
  const draft = new Draft();
  importQpsmtpd(draft, openFolder([folder]), known, true);
  const made = finish(draft, "the test");
  const delay = /^greeting_delay/m.test(made) ? "" : 'greeting_delay = "0ms"\n';
  const config = made
    .replace("[smtp]\n", `[smtp]\nlisten = ["${ipv6 ? "[::1]" : "127.0.0.1"}:0"]\n${delay}`)
    .replace("smtp://127.0.0.1:25", `smtp://127.0.0.1:${hop.port}`);
  return startTestRelay({ config });
}

function knownDifference(row: string, about: string): Difference | undefined {
  return differences.find((difference) => difference.row === row && difference.about === about);
}

describe.skipIf(missing("qpsmtpd-forkserver"))("beside qpsmtpd 0.94-5", () => {
  let hop: NextHop;
  let services: Services;
  beforeAll(async () => {
    hop = await startNextHop({});
    services = await startServices(rows.flatMap(({ asks = [] }) => asks));
  }, 90_000);
  afterAll(async () => {
    await services.close();
    await hop.close();
  });

  describe.each(rows.map((row, at) => ({ ...row, at })))("$name ($at)", (row) => {
    let dns: FakeDns;
    let theirs: Qpsmtpd;
    let ours: TestRelay;
    /** Not where settings are for the test alone: a name server, a plugin that had to be mended. */
    let imported: TestRelay | undefined;
    beforeAll(async () => {
      dns = await startDns();
      for (const line of row.dns ?? []) {
        const [, name = "", type = "", data = ""] = /^(\S+) (A|AAAA|MX|PTR|TXT) (.+)$/.exec(line) ?? [];
        dns.add(name, type as RecordType, data);
      }
      const dnsPort = Number(dns.server.slice(dns.server.lastIndexOf(":") + 1));
      theirs = await startQpsmtpd({
        plugins: services.fill(row.plugins),
        mend: row.mend,
        files: row.files,
        dnsPort,
        ipv6: row.ipv6 === true,
      });
      ours = await startOurs(row, services, hop, dns);
      imported =
        row.dns === undefined && row.mend === undefined
          ? await startImported(theirs, hop, row.ipv6 === true)
          : undefined;
    });
    afterAll(async () => {
      await ours?.stop();
      await imported?.stop();
      await theirs?.stop();
      await dns?.close();
    });

    it.each(row.cases)("$about", async (one) => {
      const ask = (port: number): Promise<string> => converse(port, one, row.ipv6 === true);
      const [said, own] = await Promise.all([ask(theirs.port), ask(ours.port)]);
      const known = knownDifference(row.name, one.about) ?? { theirs: said, ours: said };
      expect({ theirs: said, ours: own }).toEqual({ theirs: known.theirs, ours: known.ours });
      expect(imported === undefined ? own : await ask(imported.port), "as imported").toBe(own);
    });
  });
});

/** The names of the plugins of a line of config/plugins, without its label. */
const pluginsOf = ({ plugins }: Row): string[] => plugins.split("\n").map((line) => line.split(/[ :]/, 1)[0] ?? "");

describe("the table of what is not compared", () => {
  const compared = new Set(rows.flatMap(pluginsOf));

  it.skipIf(missing("qpsmtpd-forkserver"))("has every plugin that becomes a check and that no row has", () => {
    const folder = "/usr/share/qpsmtpd/plugins";
    const left = globSync("**/*", { cwd: folder }).flatMap((name) => {
      const becomes = findPlugin(name)?.becomes;
      // Debian's old names and qpsmtpd's asynchronous variants are the same plugins.
      const isOther = /^(?:check_|async\/)/.test(name) || compared.has(name);
      return isOther || becomes?.kind !== "check" ? [] : [[name, becomes.check]];
    });
    expect(uncompared.map(({ plugin, check }) => [plugin, check]).toSorted()).toEqual(left.toSorted());
  });

  it("has none that a row has", () => {
    expect(uncompared.filter(({ plugin }) => compared.has(plugin))).toEqual([]);
  });
});

describe("the table of differences", () => {
  it("names cases that the rows have, each once, and verdicts that differ", () => {
    const cases = new Set(rows.flatMap(({ name, cases: all }) => all.map(({ about }) => `${name}: ${about}`)));
    const named = differences.map(({ row, about }) => `${row}: ${about}`);
    expect(named.filter((name) => !cases.has(name))).toEqual([]);
    expect(new Set(named).size).toBe(named.length);
    expect(differences.filter(({ theirs, ours }) => theirs === ours)).toEqual([]);
  });

  it("has rows for checks that there are, and no case twice", () => {
    const known = new Set(checks.map(({ name }) => name));
    const run = rows.flatMap(({ name, run: named }) => named ?? [name]).map((name) => name.split(":")[0] ?? "");
    expect(run.filter((name) => !known.has(name))).toEqual([]);
    const cases = rows.flatMap(({ name, cases: all }) => all.map(({ about }) => `${name}: ${about}`));
    expect(new Set(cases).size).toBe(cases.length);
  });
});
