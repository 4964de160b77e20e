/** The hints of `probe` come with each `sync`, too: in the log, at the level that fits, from a real slapd. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { type LdapFault, startLdapProxy } from "../fakes/ldap-proxy.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { memoryLog, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { source } from "./reading.ts";

const otherClass =
  'warning 1 entries with addresses of the relay domains, such as "cn=scanner,o=Kontor", are of object classes that the ' +
  "preset does not ask for: device (1), extensibleObject (1). If they take mail, write a filter of your own, or set " +
  "resource_classes";

/** The hints that a sync of one source logs, as "level hint". */
async function hintsOf(settings: Partial<SourceSettings>, folder: string): Promise<string[]> {
  const log = memoryLog();
  await sync(join(temporaryFolder(), "snapshot.sqlite"), [source(settings, undefined, folder)], { log });
  return log.lines
    .filter(({ event }) => event === "source has a warning" || event === "source hint")
    .map(({ level, fields }) => `${level} ${String(fields?.["hint"])}`);
}

describe.skipIf(missing("slapd"))("a sync", { timeout: 60_000 }, () => {
  let slapd: Slapd;
  const folder = mkdtempSync(join(tmpdir(), "gmto-hints-"));
  beforeAll(async () => {
    const person = (name: string, mail: string): string =>
      `dn: uid=${name},o=Kontor\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: U\nsn: U\nmail: ${mail}\n`;
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: [
        "dn: o=Kontor\nobjectClass: organization\no: Kontor\n",
        person("anna", "anna@kontor.example"),
        person("bert", "bert@Elsewhere.example"),
        person("carl", "carl@elsewhere.example"),
        person("dora", "dora@x.example"),
        "dn: cn=scanner,o=Kontor\nobjectClass: device\nobjectClass: extensibleObject\ncn: scanner\nmail: scan@kontor.example\n",
      ].join("\n"),
    });
    writeFileSync(join(folder, "password"), `${slapd.rootPassword}\n`);
  });
  afterAll(async () => {
    await slapd?.stop();
    rmSync(folder, { recursive: true });
  });
  /** A preset for which the server is asked by class, so that there is a last question. */
  const byClass = (more: Partial<SourceSettings>): Partial<SourceSettings> => server({ preset: "389ds", ...more });
  const server = (more: Partial<SourceSettings>): Partial<SourceSettings> => ({
    type: "ldap",
    preset: "openldap",
    url: [slapd.ldap],
    base: "o=Kontor",
    ...more,
  });

  it("names attributes that nobody has and foreign domains, for information", async () => {
    const absent = "it is not used here, or the bind DN has no right to read it";
    expect(await hintsOf(server({}), folder)).toEqual([
      `info no entry has the attribute "maillocaladdress": ${absent}`,
      `info no entry has the attribute "mailalternateaddress": ${absent}`,
      "info 3 addresses are outside the relay domains of this source: elsewhere.example (2), x.example (1)",
      otherClass,
    ]);
  });

  it("names classes that the preset does not ask for, and not where the filter is one's own", async () => {
    expect(await hintsOf(server({}), folder)).toContain(otherClass);
    expect(await hintsOf(server({ resource_classes: ["device"] }), folder)).not.toContain(otherClass);
    expect((await hintsOf(server({ filter: "(objectClass=inetOrgPerson)" }), folder)).join("\n")).not.toMatch(
      /ask for/,
    );
  });

  it.each<LdapFault>([
    { kind: "code", page: 2, code: 11 },
    { kind: "stall-entry", entry: 5 },
    { kind: "cut-entry", entry: 5 },
    { kind: "referral", page: 2 },
  ])("loses nothing where the search for them fails: $kind", async (fault) => {
    const proxy = await startLdapProxy(slapd.port);
    proxy.fault = fault;
    const log = memoryLog();
    const settings = byClass({ url: [proxy.url], timeout: 500 });
    const outcome = await sync(join(temporaryFolder(), "snapshot.sqlite"), [source(settings)], { log });
    await proxy.stop();
    expect(outcome).toMatchObject({ kind: "published", facts: { addresses: 1, entries: 4, frozen: [] } });
    const told = log.lines.filter(({ level }) => level === "warning" || level === "error");
    // What came before the error counts.
    expect(told.map(({ fields }) => fields?.["hint"])).toEqual([
      expect.stringContaining("looks like preset"),
      expect.stringMatching(/^at least 1 entries/),
    ]);
  });

  it("puts the list in its place before a slow answer to the last question, and waits for that", async () => {
    const proxy = await startLdapProxy(slapd.port);
    proxy.fault = { kind: "stall-entry", entry: 5 };
    const [log, path] = [memoryLog(), join(temporaryFolder(), "snapshot.sqlite")];
    const running = sync(path, [source(byClass({ url: [proxy.url], timeout: 1500 }))], { log });
    await expect.poll(() => existsSync(path), { timeout: 20_000, interval: 5 }).toBe(true);
    expect(log.lines.filter(({ event }) => event === "source read")).toHaveLength(1);
    expect(log.lines.filter(({ event }) => event === "source has a warning")).toHaveLength(1);
    expect(await running).toMatchObject({ kind: "published" });
    expect(log.lines.filter(({ event }) => event === "source has a warning")).toHaveLength(2);
    await proxy.stop();
  });

  it("asks the server for what was not read yet, once", async () => {
    const proxy = await startLdapProxy(slapd.port);
    await hintsOf(byClass({ url: [proxy.url] }), folder);
    const { passed } = proxy;
    await proxy.stop();
    // Four people, the root DSE, and the scanner.
    expect(passed).toBe(6);
  });

  it("warns of a preset for another product, and of a password that goes over the wire in the clear", async () => {
    const bound = { bind_dn: slapd.rootDn, password_file: "password" };
    const hints = await hintsOf(server({ ...bound, preset: "generic" }), folder);
    expect(hints).toContain('warning the server looks like preset "openldap", and the source has preset "generic"');
    expect(hints).toContain(`warning the password of "${slapd.rootDn}" goes over the wire in the clear; use ldaps://`);
    expect((await hintsOf(server({ ...bound, url: [slapd.ldapi] }), folder)).join("\n")).not.toMatch(
      /in the clear|looks like/,
    );
  });

  it("warns of an attribute that the server calls by another name", async () => {
    expect(await hintsOf(server({ filter: "(uid=anna)", attributes: ["rfc822Mailbox"] }), folder)).toEqual([
      "warning no entry gives an address",
      'warning no entry has the attribute "rfc822mailbox": the server returns "mail" instead; list that in attributes',
    ]);
  });

  it("warns of foreign domains where there is no address of ours", async () => {
    expect(await hintsOf(server({ filter: "(uid=bert)", attributes: ["mail"] }), folder)).toEqual([
      "warning no entry gives an address",
      "warning 1 addresses are outside the relay domains of this source: elsewhere.example (1)",
    ]);
  });
});

describe("a sync of files", () => {
  it("says that there was nothing in them, or nothing of ours", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "empty"), "# nobody\n");
    writeFileSync(join(folder, "foreign"), "anna@elsewhere.example\n");
    writeFileSync(join(folder, "good"), "anna@kontor.example\nbert@elsewhere.example\n");
    const list = (name: string): Promise<string[]> => hintsOf({ type: "list", url: [name] }, folder);
    expect(await list("empty")).toEqual(["warning no recipients: the file contains only comments and blank lines"]);
    expect(await list("foreign")).toEqual([
      "warning no entry gives an address",
      "warning 1 addresses are outside the relay domains of this source: elsewhere.example (1)",
    ]);
    expect(await list("good")).toEqual([
      "info 1 addresses are outside the relay domains of this source: elsewhere.example (1)",
    ]);
  });
});
