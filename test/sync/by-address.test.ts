/** OpenLDAP is asked for what has an address, and gives what its classes would give: a real slapd, and its log. */
import { join } from "node:path";

import Database from "better-sqlite3";
import { Attribute, Change, Client } from "ldapts";
import { afterEach, describe, expect, it } from "vitest";

import { startLdapProxy } from "../fakes/ldap-proxy.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { memoryLog, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { source } from "./reading.ts";

/** A class below another one, as sites have them. */
const clerk =
  "objectclass ( 1.3.6.1.4.1.99999.1 NAME 'clerk' DESC 'one of ours' SUP inetOrgPerson STRUCTURAL )\n" +
  "objectclass ( 1.3.6.1.4.1.99999.2 NAME 'visitor' SUP top AUXILIARY MAY mail )";
const inetOrgPerson = "2.16.840.1.113730.3.2.2";

function person(name: string, classes: readonly string[] = ["inetOrgPerson"]): string {
  const lines = classes.map((one) => `objectClass: ${one}\n`).join("");
  return `dn: uid=${name},o=Kontor\n${lines}uid: ${name}\ncn: ${name}\nsn: U\nmail: ${name}@kontor.example\n`;
}

const device =
  "dn: cn=scanner,o=Kontor\nobjectClass: device\nobjectClass: visitor\ncn: scanner\nmail: scan@kontor.example\n";
const silent = "dn: uid=silent,o=Kontor\nobjectClass: inetOrgPerson\nuid: silent\ncn: S\nsn: U\n";

describe.skipIf(missing("slapd"))("a sync of OpenLDAP", { timeout: 60_000 }, () => {
  let slapd: Slapd | undefined;
  afterEach(async () => {
    await slapd?.stop();
    slapd = undefined;
  });

  async function start(entries: readonly string[], database: readonly string[] = []): Promise<Slapd> {
    await slapd?.stop();
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      global: clerk.split("\n"),
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", ...entries].join("\n"),
      database,
      stats: true,
    });
    return slapd;
  }

  async function read(url: string, more: Parameters<typeof source>[0] = {}) {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const log = memoryLog();
    const from = source({ type: "ldap", preset: "openldap", base: "o=Kontor", url: [url], timeout: 2000, ...more });
    const outcome = await sync(path, [from], { log });
    const hints = log.lines.flatMap(({ fields }) => (fields?.["hint"] === undefined ? [] : [String(fields["hint"])]));
    if (outcome.kind !== "published") {
      return { outcome, hints, keys: [] };
    }
    const list = new Database(path, { readonly: true });
    const keys = list.prepare<[], string>("SELECT key FROM recipient ORDER BY key").pluck().all();
    list.close();
    return { outcome, hints, keys };
  }

  /** The filters of the searches below the base, in their order. */
  const filtersOf = ({ log }: Slapd): string[] =>
    [...log().matchAll(/SRCH base="o=Kontor" scope=2 deref=\d filter="(.*)"/g)].map(([, filter = ""]) => filter);

  it("asks once where every entry with an address is of its classes", async () => {
    const server = await start([person("anna"), person("bert"), silent]);
    const { keys, hints, outcome } = await read(server.ldap);
    expect(keys).toEqual(["anna@kontor.example", "bert@kontor.example"]);
    expect(outcome).toMatchObject({ facts: { entries: 2 } });
    expect(hints.join("\n")).not.toContain("does not ask for");
    await expect.poll(() => server.log()).toContain("UNBIND");
    expect(filtersOf(server)).toEqual(["(|(mail=*)(?maillocaladdress=*)(?mailalternateaddress=*))"]);
  });

  it("takes a class below another one, and one that goes by its number", async () => {
    const server = await start([person("anna"), person("clara", ["clerk"]), person("nora", [inetOrgPerson])]);
    const { keys, hints } = await read(server.ldap);
    expect(keys).toEqual(["anna@kontor.example", "clara@kontor.example", "nora@kontor.example"]);
    expect(hints.join("\n")).not.toContain("does not ask for");
    // Of a class that others have beside one that is known by its name.
    const both = await start([person("dora", ["inetOrgPerson", "clerk"]), person("clara", ["clerk"])]);
    const all = await read(both.ldap);
    expect(all.keys).toEqual(["clara@kontor.example", "dora@kontor.example"]);
    expect(all.outcome).toMatchObject({ facts: { entries: 2 } });
    // Without any that is known by its name.
    const other = await start([person("clara", ["clerk"])]);
    expect((await read(other.ldap)).keys).toEqual(["clara@kontor.example"]);
  });

  it("names what its classes leave out, by what it saw, and by asking where a class is not what it seems", async () => {
    const server = await start([person("anna"), device]);
    const { keys, hints } = await read(server.ldap);
    expect(keys).toEqual(["anna@kontor.example"]);
    expect(hints.join("\n")).toMatch(/1 entries .* "cn=scanner,o=Kontor", are of object classes .* visitor \(1\)/);
    await expect.poll(() => server.log()).toContain("UNBIND");
    const [, second = ""] = filtersOf(server);
    expect(filtersOf(server)).toHaveLength(2);
    expect(second).toMatch(/\(\|\(objectClass=device\)\(objectClass=visitor\)\)\)$/i);

    const other = await start([person("anna"), device, person("clara", ["clerk"])]);
    const more = await read(other.ldap);
    expect(more.keys).toEqual(["anna@kontor.example", "clara@kontor.example"]);
    expect(more.hints.join("\n")).toMatch(/1 entries .* "cn=scanner,o=Kontor", are of object classes/);
  });

  it("asks by class where the server refuses the other search, or finds nothing by it", async () => {
    const people = Array.from({ length: 20 }, (_, i) => person(`u${i}`));
    const things = Array.from({ length: 40 }, (_, i) => `dn: cn=d${i},o=Kontor\nobjectClass: device\ncn: d${i}\n`);
    // Of 61 candidates without an index for mail, and 20 with that of the classes.
    const limited = await start([...people, ...things], ["limits * size.unchecked=30", "index objectClass eq"]);
    expect((await read(limited.ldap)).keys).toHaveLength(20);
    expect(filtersOf(limited).length).toBeGreaterThan(1);
    // More with an address than a limit allows, and not more of the classes: slapd gives some and stops.
    const visitors = things.map((thing) =>
      thing.replace("device\n", "device\nobjectClass: visitor\nmail: d@kontor.example\n"),
    );
    const narrow = await start([...people, ...visitors], ["limits * size.soft=30 size.hard=30"]);
    const cut = await read(narrow.ldap);
    expect(cut.keys).toHaveLength(20);
    expect(cut.outcome).toMatchObject({ facts: { entries: 20 } });
    // The right to read, and not to search.
    const closed = await start(people, ["access to attrs=mail by * =r", "access to * by * read"]);
    expect((await read(closed.ldap)).keys).toHaveLength(20);
  });

  it("has an entry whose classes change between both searches", async () => {
    const server = await start([person("anna"), person("clara", ["clerk"])]);
    const from = source({ type: "ldap", preset: "openldap", base: "o=Kontor", url: [server.ldap] });
    const keys: string[] = [];
    for await (const { found } of from.read(AbortSignal.timeout(20_000))) {
      keys.push(...found.map(({ key }) => key));
      if (keys.length === 1) {
        const client = new Client({ url: server.ldap });
        await client.bind(server.rootDn, server.rootPassword);
        const more = new Attribute({ type: "objectClass", values: ["clerk", "inetOrgPerson"] });
        await client.modify("uid=clara,o=Kontor", [new Change({ operation: "replace", modification: more })]);
        await client.unbind();
      }
    }
    expect(keys).toEqual(["anna@kontor.example", "clara@kontor.example"]);
  });

  it("is no complete list where the second answer does not come", async () => {
    const server = await start([person("anna"), device, person("clara", ["clerk"])]);
    const proxy = await startLdapProxy(server.port);
    for (const fault of [{ kind: "code", page: 2, code: 11 } as const, { kind: "referral", page: 2 } as const]) {
      proxy.fault = fault;
      expect((await read(proxy.url)).outcome).toMatchObject({ kind: "failed" });
    }
    await proxy.stop();
  });

  it("is asked by a filter of one's own as that says", async () => {
    const server = await start([person("anna"), device]);
    expect((await read(server.ldap, { filter: "(objectClass=device)" })).keys).toEqual(["scan@kontor.example"]);
    expect(filtersOf(server)).toEqual(["(objectClass=device)"]);
    const resources = await read(server.ldap, { resource_classes: ["device"] });
    expect(resources.keys).toEqual(["anna@kontor.example", "scan@kontor.example"]);
  });
});
