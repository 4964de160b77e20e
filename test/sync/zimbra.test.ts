/** The preset zimbra at a real slapd with Zimbra's attributes, to the answer that a recipient gets. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { main } from "../program.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { readAll, source } from "./reading.ts";

const schema = new URL("../directories/zimbra.schema", import.meta.url).pathname;

type Values = Readonly<Record<string, string | readonly string[]>>;

function entry(dn: string, values: Values): string {
  const lines = Object.entries(values).flatMap(([name, all]) => [all].flat().map((value) => `${name}: ${value}`));
  return [`dn: ${dn}`, ...lines, ""].join("\n");
}

function account(name: string, domain: string, more: Values = {}): string {
  const address = `${name}@${domain}.example`;
  return entry(`uid=${name},ou=people,dc=${domain},dc=example`, {
    objectClass: ["inetOrgPerson", "zimbraAccount"],
    ...{ uid: name, cn: name, sn: name, mail: address, zimbraMailDeliveryAddress: address },
    ...{ zimbraMailStatus: "enabled", zimbraAccountStatus: "active" },
    ...more,
  });
}

function domain(name: string, more: Values): string[] {
  return [
    entry(`dc=${name},dc=example`, {
      objectClass: ["dcObject", "organization", "zimbraDomain"],
      ...{ dc: name, o: name, zimbraDomainName: `${name}.example`, zimbraMailStatus: "enabled" },
      ...more,
    }),
    entry(`ou=people,dc=${name},dc=example`, { objectClass: "organizationalUnit", ou: "people" }),
  ];
}

function other(rdn: string, objectClass: string | readonly string[], more: Values): string {
  const [name = "", value = ""] = rdn.split("=");
  return entry(`${rdn},ou=people,dc=kontor,dc=example`, { objectClass, [name]: value, ...more });
}

const ldif = [
  entry("dc=example", { objectClass: ["dcObject", "organization"], dc: "example", o: "example" }),
  ...domain("kontor", { zimbraDomainType: "local" }),
  ...domain("werk", { zimbraDomainType: "local" }),
  ...domain("lager", { zimbraDomainType: "local" }),
  // An alias domain, as `zmprov createAliasDomain` makes it.
  ...domain("alias", {
    zimbraDomainType: "alias",
    zimbraMailCatchAllAddress: "@alias.example",
    zimbraMailCatchAllForwardingAddress: "@kontor.example",
  }),
  account("anna", "kontor", {
    mail: ["anna@kontor.example", "a.schmidt@kontor.example"],
    zimbraMailAlias: "a.schmidt@kontor.example",
    zimbraOldMailAddress: "anna.weiss@kontor.example",
  }),
  // The entry of an alias has no address, and the account has it.
  other("uid=a.schmidt", "zimbraAlias", { zimbraId: "1" }),
  account("zu", "kontor", { zimbraMailStatus: "disabled", zimbraAccountStatus: "closed" }),
  account("umzug", "kontor", { zimbraAccountStatus: "maintenance" }),
  account("elbe", "kontor", { objectClass: ["inetOrgPerson", "zimbraCalendarResource"] }),
  other("uid=alle", ["zimbraDistributionList", "zimbraMailRecipient"], {
    mail: "alle@kontor.example",
    zimbraMailAlias: ["alle@kontor.example", "all@kontor.example"],
    zimbraMailForwardingAddress: ["anna@kontor.example", "fremd@elsewhere.example"],
    zimbraMailStatus: "enabled",
  }),
  other("cn=dynamisch", ["zimbraGroup", "zimbraMailRecipient"], {
    mail: "dynamisch@kontor.example",
    zimbraMailStatus: "enabled",
  }),
  account("bert", "werk", { zimbraMailCatchAllAddress: "@werk.example" }),
  account("carl", "lager", { zimbraMailCatchAllAddress: "@lager.example" }),
].join("\n");

const configuration = `[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
[domains]
relay = ["kontor.example", "werk.example", "lager.example"]
aliases = { "alias.example" = "kontor.example" }
[recipients]
mode = "enforce"
[snapshot]
path = "snapshot.sqlite"
[[domain]]
name = "werk.example"
catch_all = "directory"
[[domain]]
name = "kontor.example"
catch_all = "directory"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:25"
[[source]]
name = "zimbra"
type = "ldap"
preset = "zimbra"
base = "dc=example"
`;

describe.skipIf(missing("slapd"))("a source at a directory with Zimbra's schema", () => {
  let slapd: Slapd;
  beforeAll(async () => {
    slapd = await startSlapd({
      suffix: "dc=example",
      schemas: ["core", "cosine", "inetorgperson", schema],
      ldif,
    });
  });
  afterAll(() => slapd?.stop());

  it("lists accounts, their aliases and old addresses, rooms and lists", async () => {
    const { found, skipped } = await readAll(source({ preset: "zimbra", base: "dc=example", url: [slapd.ldap] }));
    expect(found.map(({ key, kind, rule = "" }) => [key, kind, rule].join(" ").trim()).toSorted()).toEqual([
      "a.schmidt@kontor.example account",
      "all@kontor.example group",
      "alle@kontor.example group",
      "anna.weiss@kontor.example alias",
      "anna@kontor.example account",
      "dynamisch@kontor.example group",
      "elbe@kontor.example resource",
      "umzug@kontor.example account later",
    ]);
    expect(skipped).toEqual({ "foreign domain": 6, "alias domain": 1 });
  });

  it("opens the one domain that leaves it to the directory, by sync and by the relay's answer", () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    writeFileSync(config, `${configuration}url = ["${slapd.ldap}"]\n`);
    const run = (...words: string[]): string => {
      const { stdout, stderr } = spawnSync(process.execPath, [main, ...words, "-c", config], { encoding: "utf8" });
      return stdout + stderr;
    };
    const said = run("sync");
    expect(said).toMatch(/catch-all addresses left out.* addresses=1 domains="?lager.example"?$/m);
    expect(said).toMatch(/catch-all addresses in the list.* addresses=1 domains="?werk.example"?$/m);
    expect(run("explain", "niemand@werk.example")).toMatch(/accepted[^]*catch-all "@werk.example"[^]*uid=bert/);
    expect(run("explain", "niemand@lager.example")).toMatch(/550 5\.1\.1/);
    // The alias domain says where its mail goes, not that everybody gets some.
    expect(run("explain", "niemand@kontor.example")).toMatch(/550 5\.1\.1/);
    expect(run("explain", "niemand@alias.example")).toMatch(/550 5\.1\.1/);
    expect(run("explain", "anna@alias.example")).toMatch(/accepted/);
    expect(run("status")).toMatch(/1 catchall/);
  });
});
