/** `changes = "search"` with the preset domino: short names, names with `.` and `_`, aliases; no incremental search else. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Sqlite from "better-sqlite3";
import { Attribute, Client } from "ldapts";
import { describe, expect, it, onTestFinished } from "vitest";

import { addNews, loadPlan, runFull } from "../../src/compose/sync-run.ts";
import { silentLog } from "../../src/report/log.ts";
import { missing } from "../fakes/need.ts";
import { completeConfig } from "../fakes/relay.ts";
import { startSlapd } from "../fakes/slapd.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";

const directories = new URL("../directories/", import.meta.url).pathname;

describe.skipIf(missing("slapd"))('a Domino with changes = "search"', () => {
  it.each([
    ["the short name", "NNeu@kontor.example"],
    ["the name with dots, in an alias domain", "nina.neu@kontor.test"],
    ["the name with underscores", "Nina_Neu@kontor.example"],
    ["the address", "nina@kontor.example"],
  ])("finds a newcomer whom a client asked for by %s", async (_, asked) => {
    const slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson", `${directories}domino.schema`],
      ldif: readFileSync(`${directories}domino.ldif`, "utf8"),
    });
    onTestFinished(() => slapd.stop());
    const folder = temporaryFolder();
    const file = join(folder, "goodmailto.toml");
    writeFileSync(
      file,
      completeConfig(`[recipients]
asked_file = "asked"
[sync]
delta = "1m"
[[source]]
name = "domino"
type = "ldap"
preset = "domino"
url = "${slapd.ldap}"
changes = "search"
`),
    );
    const plan = loadPlan(file) ?? expect.unreachable();
    const signal = AbortSignal.timeout(25_000);
    expect((await runFull(plan, silentLog, signal, { cron: true })).kind).toBe("published");
    const client = new Client({ url: slapd.ldap });
    onTestFinished(() => client.unbind());
    await client.bind(slapd.rootDn, slapd.rootPassword);
    const newcomer = {
      objectClass: ["inetOrgPerson", "dominoPerson"],
      cn: ["Nina Neu"],
      sn: ["Neu"],
      uid: ["nneu"],
      mail: ["nina@kontor.example"],
    };
    await client.add(
      "cn=Nina Neu,o=Kontor",
      Object.entries(newcomer).map(([type, values]) => new Attribute({ type, values })),
    );
    writeFileSync(join(folder, "asked"), "nobody@kontor.example\n");
    expect((await addNews(plan, silentLog, signal)).kind).toBe("nothing");
    writeFileSync(join(folder, "asked"), `nobody@kontor.example\n${asked.toLowerCase()}\n`);
    expect((await addNews(plan, silentLog, signal)).kind).toBe("published");
    const list = new Sqlite(join(folder, "snapshot.sqlite"), { readonly: true });
    const keys = list.prepare("SELECT key FROM recipient").pluck().all();
    list.close();
    expect(keys).toEqual(expect.arrayContaining(["nneu", "nina.neu", "nina_neu", "nina@kontor.example"]));
  });
});
