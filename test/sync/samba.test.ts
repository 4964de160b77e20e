/** The preset active-directory at a domain controller: Samba's, which speaks Active Directory's LDAP. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Attribute, Change } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { presetFor } from "../../sync/presets/preset-for.ts";
import { runDelta } from "../../sync/run/delta.ts";
import { parseTarget } from "../../sync/sources/dial.ts";
import { connectFirst } from "../../sync/sources/ldap.ts";
import { verifyLogin } from "../../sync/sources/login.ts";
import { openSource } from "../../sync/sources/open.ts";
import { pagedSearch } from "../../sync/sources/paged-search.ts";
import { wholeEntry } from "../../sync/sources/ranges.ts";
import * as corp from "../directories/corp.ts";
import { missing } from "../fakes/need.ts";
import { Samba } from "../fakes/samba.ts";
import { main } from "../program.ts";
import { memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { faultOf, readAll, type Reading, source, sourceSettings } from "./reading.ts";

const { base, many, manyAddresses, peopleAddresses } = corp;
const page = readFileSync(new URL("../../docs/active-directory.md", import.meta.url), "utf8");
const people = `OU=Leute,${base}`;
const count = Object.keys(peopleAddresses).length;

describe.skipIf(missing("samba", "a domain controller"))("a source at Samba's domain controller", () => {
  let samba: Samba;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gmto-corp-"));
    writeFileSync(join(folder, "password"), corp.userPassword, { mode: 0o600 });
    writeFileSync(join(folder, "wrong"), "Falsch-4711", { mode: 0o600 });
    samba = await Samba.start({ ldif: [...corp.exchangeSchema, corp.fewEntries, ...corp.manyEntries] });
  }, 300_000);
  afterAll(async () => {
    await samba?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const settings = (more: Partial<SourceSettings> = {}): SourceSettings =>
    sourceSettings({
      preset: "active-directory",
      base: people,
      url: [`ldaps://${samba.address}`],
      ca_file: samba.ca,
      bind_dn: "goodmailto@corp.example",
      password_file: join(folder, "password"),
      ...more,
    });
  const from = (more: Partial<SourceSettings> = {}): ReturnType<typeof source> => source(settings(more));

  it("lists users of every state, contacts, groups and folders, and says who may write to them", async () => {
    const { found, skipped, hints } = await readAll(from());
    expect(Object.fromEntries(found.map(({ key, kind }) => [key, kind]))).toEqual(peopleAddresses);
    expect(found.filter(({ rule }) => rule !== undefined).map(({ key }) => key)).toEqual(
      expect.arrayContaining(["internal@kontor.example", "boss@kontor.example"]),
    );
    expect(found.filter(({ rule }) => rule !== undefined)).toHaveLength(2);
    expect(skipped).toEqual({ "other protocol": 4, "foreign domain": 4 });
    expect(hints).toContainEqual(expect.stringMatching(/^1 entries .* "CN=Nur mail,\S+", have no proxyAddresses/));
    expect(found.find(({ key }) => key === "juergen.weiss@kontor.example")?.entry).toBe(`CN=Weiß\\, Jürgen,${people}`);
  });

  it("reads page after page from the domain's root, and no reference to another partition", async () => {
    const { entries, batches, keys, hints } = await readAll(from({ base }));
    expect(entries).toBe(17 + many + 1);
    expect(batches).toBeGreaterThanOrEqual(3);
    expect(keys.size).toBe(count + many + manyAddresses);
    expect(hints.join("\n")).not.toContain("size limit");
  });

  it("says what to do about references, where the preset does not ask to be spared them", async () => {
    const fault = await faultOf(from({ base, preset: "generic" }));
    expect(fault.reason).toBe("referral");
    expect(fault.message).toMatch(/refers to \S+CN=Configuration,DC=corp,DC=example .* use preset "active-directory"/);
  });

  it("asks for the rest of values that come in portions", async () => {
    const signal = AbortSignal.timeout(20_000);
    const connection = await connectFirst([parseTarget(`ldaps://${samba.address}`)], settings(), folder, signal);
    const query = {
      base: `CN=Alle,OU=Viele,${base}`,
      scope: "base",
      filter: "(objectClass=*)",
      attributes: ["proxyAddresses;range=0-1499", "member;range=0-999"],
      controls: presetFor(settings()).controls,
    } as const;
    for await (const raw of pagedSearch(connection, query, 1000)) {
      expect(raw[0]?.attributes.map(({ type }) => type).toSorted()).toEqual([
        "member;range=0-999",
        "proxyAddresses;range=0-1499",
      ]);
      const [entry] = await Promise.all(raw.map((one) => wholeEntry(one, connection)));
      expect(new Set(entry?.attributes.get("proxyaddresses")).size).toBe(manyAddresses);
      expect(new Set(entry?.attributes.get("member")).size).toBe(many);
    }
    connection.close();
    expect.assertions(3);
  });

  it.each([
    ["its user principal name", {}],
    ["DOMAIN\\user", { bind_dn: "CORP\\goodmailto" }],
    ["its DN", { bind_dn: `CN=goodmailto,${people}` }],
  ])("binds by %s", async (_, more) => {
    expect((await readAll(from(more))).keys.size).toBe(count);
  });

  it.each([
    ["StartTLS", "ldap", 389, true],
    ["the global catalogue", "ldaps", 3269, false],
    ["the global catalogue with StartTLS", "ldap", 3268, true],
  ])("reads the same by %s", async (_, scheme, port, starttls) => {
    const url = [`${scheme}://${samba.address}:${port}`];
    expect((await readAll(from({ url, starttls }))).keys.size).toBe(count);
  });

  it("asks for TLS where the controller wants it, and for a bind where there is none", async () => {
    const fault = await faultOf(from({ ca_file: "", url: [`ldap://${samba.address}`] }));
    expect(fault.message).toContain("result code 8: the server wants TLS for this bind: use ldaps:// or starttls");
    const anonymous = await faultOf(from({ bind_dn: "", password_file: "" }));
    expect(anonymous.message).toContain("result code 1: the server wants something else first, mostly a bind");
  });

  it.each([
    ["goodmailto@corp.example", "wrong", "the password is wrong"],
    ["nobody@corp.example", "password", "the password is wrong, or bind_dn is not what Active Directory knows"],
    ["off@corp.example", "password", "the account is disabled"],
    ["expired@corp.example", "password", "the account has expired"],
    ["new@corp.example", "password", "the password must be changed before the first bind"],
    ["locked@corp.example", "password", "the account is locked"],
  ])("says why %s may not bind with the %s", async (bind_dn, file, why) => {
    const fault = await faultOf(from({ bind_dn, password_file: join(folder, file) }));
    expect(fault.reason).toBe("bind");
    expect(fault.message).toContain(`result code 49: ${why}`);
  });

  it("judges the passwords of others, by whichever name they log in", async () => {
    const filter = "(|(sAMAccountName=%u)(userPrincipalName=%u)(mail=%u))";
    const judge = async (user: string, password: string): Promise<string> => {
      const query = { settings: settings({ base }), folder, filter };
      const answer = await verifyLogin(query, user, password, AbortSignal.timeout(20_000));
      return answer.kind === "accepted" ? "accepted" : answer.why;
    };
    expect(await judge("aschmidt", corp.userPassword)).toBe("accepted");
    expect(await judge("aschmidt@corp.example", corp.userPassword)).toBe("accepted");
    expect(await judge("anna.schmidt@kontor.example", corp.userPassword)).toBe("accepted");
    expect(await judge("aschmidt", "Falsch-4711")).toMatch(/^result code 49: .* data 52e/);
    expect(await judge("off", corp.userPassword)).toMatch(/^result code 49: .* data 533/);
    expect(await judge("nobody", corp.userPassword)).toBe("no entry");
  });

  it("opens a domain by @domain in proxyAddresses where the directory may do so, and says so otherwise", async () => {
    const domain = "werk.example";
    const domains = createDomains(["kontor.example", domain]);
    const read = (takesCatchAll: (name: string) => boolean): Promise<Reading> =>
      readAll(openSource(settings(), domains, folder, { takesCatchAll }));
    const open = await read((name) => name === domain);
    expect(open.found.filter(({ kind }) => kind === "catchall")).toEqual([
      { key: `@${domain}`, kind: "catchall", entry: `CN=Werk,${people}` },
    ]);
    expect(open.skipped["catch-all"]).toBeUndefined();
    const closed = await read(() => false);
    expect(closed.found.filter(({ kind }) => kind === "catchall")).toEqual([]);
    expect(closed.skipped["catch-all"]).toBe(1);
  });

  it("says what may help where nobody has proxyAddresses", async () => {
    const { entries, hints } = await readAll(from({ base: `OU=Lager,${base}` }));
    expect(entries).toBe(0);
    expect(hints.join("\n")).toMatch(/^1 entries .*"CN=Lagerist,\S+", have no proxyAddresses .* set filter = "/m);
  });

  it("takes users without proxyAddresses, and leaves out disabled ones, by the filters of its page", async () => {
    const filters = [...page.matchAll(/[`"](\([&|]\(.*\))[`"]/g)].map(([, filter = ""]) => filter);
    const [all, active] = await Promise.all(filters.map(async (filter) => (await readAll(from({ filter }))).keys));
    expect(all).toEqual(new Set([...Object.keys(peopleAddresses), "mailonly@kontor.example"]));
    const disabled = ["elbe@kontor.example", "shared@kontor.example"];
    expect(disabled.filter((key) => active?.has(key as never))).toEqual([]);
    expect(active).toContain("mailonly@kontor.example");
    expect(active).toContain("vertrieb@kontor.example");
  });

  it("does as its page says, word by word", { timeout: 120_000 }, async () => {
    const [, toml = ""] = /```toml\n(\[smtp\].*?)```/s.exec(page) ?? [];
    const own = temporaryFolder();
    const config = join(own, "goodmailto.toml");
    const text = toml
      .replace("dc1.corp.example:636", `${samba.address}:636`)
      .replace("dc2.corp.example:636", `${samba.address}:3269`);
    writeFileSync(config, `${text}\n[snapshot]\npath = "snapshot.sqlite"\n`);
    copyFileSync(samba.ca, join(own, "corp-ca.pem"));
    copyFileSync(join(folder, "password"), join(own, "ldap-password"));
    const run = (...words: string[]): string => {
      const { stdout, stderr } = spawnSync(process.execPath, [main, ...words, "-c", config], { encoding: "utf8" });
      return stdout + stderr;
    };
    expect(run("config", "check")).toContain("no errors");
    const probe = run("probe");
    expect(probe).toContain("pages offered; StartTLS unknown");
    expect(probe).toContain("preset: active-directory, as the server looks");
    expect(probe).toMatch(/WARNING: 2 entries .*, have no proxyAddresses and are left out/);
    expect(probe).not.toMatch(/WARNING: (reading failed|the search)/);
    expect(run("sync")).toContain(`from ${17 + many + 1} entries`);
    expect(run("explain", "hamburg@kontor.example")).toContain('(group) of source "ad", entry "CN=Hamburg,');
    expect(run("explain", "mailonly@kontor.example")).toContain("not in the directory; not found (observe)");
  });

  it(
    "adds what is new by change number, removes by a full sync, and knows a restored controller",
    { timeout: 120_000 },
    async () => {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const log = memoryLog();
      const options = { sources: [from()], settings: { max_shrink: 0.5, keep: 3 }, path, log, now: Date.now };
      const delta = (): ReturnType<typeof runDelta> =>
        runDelta({ ...options, signal: AbortSignal.timeout(20_000), version: "0" });
      await publish(path, options.sources);
      expect((await delta()).kind).toBe("nothing");
      const early = await samba.keepDatabase();

      await samba.withClient(async (client) => {
        const mailbox = [attribute("objectClass", "contact"), attribute("proxyAddresses", "SMTP:new@kontor.example")];
        await client.add(`CN=Neu,${people}`, mailbox);
        expect(await delta()).toMatchObject({ kind: "published", facts: { entries: 1, added: 1, removed: 0 } });
        await client.modify(`CN=Anna Schmidt,${people}`, change("add", "proxyAddresses", "smtp:anna2@kontor.example"));
        expect(await delta()).toMatchObject({ kind: "published", facts: { entries: 1, added: 1, removed: 0 } });
        await client.modify(`CN=Intern,${people}`, change("replace", "msExchRequireAuthToSendTo", "FALSE"));
        expect(await delta()).toMatchObject({ kind: "published", facts: { entries: 1, added: 0, removed: 0 } });

        await client.modifyDN(`CN=Wandert,${people}`, `CN=Wandert,OU=Lager,${base}`);
        await client.modifyDN(`CN=Heiratet,${people}`, `CN=Verheiratet,${people}`);
        await client.del(`CN=Geht,${people}`);
      });
      expect((await delta()).kind).toBe("nothing");
      const { keys, found } = await readAll(from());
      expect(keys).not.toContain("leaver@kontor.example");
      expect(keys).not.toContain("mover@kontor.example");
      expect(found.find(({ key }) => key === "bride@kontor.example")?.entry).toBe(`CN=Verheiratet,${people}`);
      expect((await readAll(from({ base }))).keys).toContain("mover@kontor.example");

      await publish(path, options.sources, { settings: options.settings });
      await samba.restoreDatabase(early);
      expect((await delta()).kind).toBe("nothing");
      expect(log.lines.find(({ level }) => level === "error")?.fields["detail"]).toContain("counted fewer changes");
    },
  );
});

function attribute(type: string, ...values: string[]): Attribute {
  return new Attribute({ type, values });
}

function change(operation: "add" | "replace", type: string, value: string): Change {
  return new Change({ operation, modification: attribute(type, value) });
}
