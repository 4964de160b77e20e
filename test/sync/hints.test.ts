/** The hints of `probe` come with each `sync`, too: in the log, at the level that fits, from a real slapd. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { memoryLog, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { source } from "./reading.ts";

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
      ].join("\n"),
    });
    writeFileSync(join(folder, "password"), `${slapd.rootPassword}\n`);
  });
  afterAll(async () => {
    await slapd?.stop();
    rmSync(folder, { recursive: true });
  });
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
    ]);
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
      'warning no entry has the attribute "rfc822mailbox": the server answers with "mail" instead, which must then stand in attributes',
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
    expect(await list("empty")).toEqual(["warning no recipient: the file has comments and blank lines alone"]);
    expect(await list("foreign")).toEqual([
      "warning no entry gives an address",
      "warning 1 addresses are outside the relay domains of this source: elsewhere.example (1)",
    ]);
    expect(await list("good")).toEqual([
      "info 1 addresses are outside the relay domains of this source: elsewhere.example (1)",
    ]);
  });
});
