import { writeFileSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { formatSenders, maxSenders, parseRule } from "../../src/snapshot/rules.ts";
import type { JobOptions } from "../../sync/run/full.ts";
import { memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { readAll, source } from "./reading.ts";

/** Keys with their rules, as the snapshot has them after a sync from LDIF. */
async function rulesOf(
  preset: SourceSettings["preset"],
  ldif: string,
  options: Partial<JobOptions> = {},
): Promise<Record<string, string>> {
  const folder = temporaryFolder();
  const path = join(folder, "snapshot.sqlite");
  writeFileSync(join(folder, "export.ldif"), ldif);
  await publish(path, [source({ type: "ldif", preset, url: ["export.ldif"] }, undefined, folder)], options);
  const database = new Database(path, { readonly: true });
  const rows = database.prepare<[], { key: string; rule: string }>("SELECT key, rule FROM recipient").all();
  database.close();
  return Object.fromEntries(rows.map(({ key, rule }) => [key, rule]));
}

function person(name: string, lines: string, objectClass = "user"): string {
  return `dn: CN=${name},OU=Leute,DC=kontor,DC=example\nobjectClass: ${objectClass}\n${lines}\n\n`;
}

const anna = person("Anna", "proxyAddresses: SMTP:anna@kontor.example\nproxyAddresses: smtp:as@kontor.test");
const partner = person("Partner", "proxyAddresses: SMTP:Pr@partner.example", "contact");

function group(name: string, lines: string): string {
  return person(name, `proxyAddresses: SMTP:${name}@kontor.example\n${lines}`, "group");
}

describe("rules from Active Directory", () => {
  it("finds accepted senders however their DNs are written", async () => {
    const sender = `dn:: ${Buffer.from("CN=Müller\\, Änne,OU=Leute,DC=kontor,DC=example").toString("base64")}
objectClass: user\nproxyAddresses: SMTP:anne@kontor.example\n\n`;
    const board = group("board", "authOrig: cn=M\\C3\\BCller\\2C \\C3\\A4nne, OU=Leute, DC=kontor,DC=example");
    expect((await rulesOf("active-directory", board + sender))["board@kontor.example"]).toBe(
      "senders:anne@kontor.example",
    );
  });

  it("names accepted senders by every address of their entries, foreign ones too", async () => {
    const board = group(
      "board",
      "authOrig: cn=anna, ou=Leute,dc=kontor,DC=example\nauthOrig: CN=Partner,OU=Leute,DC=kontor,DC=example",
    );
    expect(await rulesOf("active-directory", board + anna + partner)).toEqual({
      "board@kontor.example": "senders:anna@kontor.example as@kontor.example pr@partner.example",
      "anna@kontor.example": "",
      "as@kontor.example": "",
    });
  });

  it("leaves a group open whose senders are not all known, and says so", async () => {
    const log = memoryLog();
    const known = "authOrig: CN=Anna,OU=Leute,DC=kontor,DC=example";
    const list =
      group("gap", `${known}\nauthOrig: CN=Gone,DC=kontor,DC=example`) +
      group("members", `${known}\ndLMemSubmitPerms: CN=gap,DC=kontor,DC=example`);
    expect(await rulesOf("active-directory", list + anna, { log })).toMatchObject({
      "gap@kontor.example": "",
      "members@kontor.example": "",
    });
    expect(log.lines.filter(({ level }) => level === "warning")).toMatchObject([{ fields: { rules: 2 } }]);
  });

  it("is internal before it is for some senders", async () => {
    const both = group("both", "msExchRequireAuthToSendTo: TRUE\nauthOrig: CN=Anna,OU=Leute,DC=kontor,DC=example");
    expect(await rulesOf("active-directory", both + anna)).toMatchObject({ "both@kontor.example": "internal" });
  });

  it("writes no name into a keyed list", async () => {
    const form = createKeyedForm("5a".repeat(32), "address");
    const board = group("board", "authOrig: CN=Anna,OU=Leute,DC=kontor,DC=example");
    const rules = await rulesOf("active-directory", board + anna, { protection: { form, signer: undefined } });
    const hashes = ["anna@kontor.example", "as@kontor.example"].map(form.hash).toSorted();
    expect(rules[form.hash("board@kontor.example")]).toBe(`senders:${hashes.join(" ")}`);
  });
});

describe("rules from other directories", () => {
  it("takes temporary states as later, and permanent ones as no recipient", async () => {
    const entry = (name: string, lines: string): string =>
      `dn: uid=${name},o=Kontor\nobjectClass: inetOrgPerson\nmail: ${name}@kontor.example\n${lines}\n\n`;
    const list =
      entry("rest", "mailUserStatus: Inactive") +
      entry("out", "inetUserStatus: deleted") +
      entry("on", "mailUserStatus: active") +
      entry("few", "mgrpAllowedBroadcaster: mailto:Boss@partner.example\nmgrpAllowedBroadcaster: a@kontor.test");
    expect(await rulesOf("389ds", list)).toEqual({
      "rest@kontor.example": "later",
      "on@kontor.example": "",
      "few@kontor.example": "senders:a@kontor.example boss@partner.example",
    });
    const zimbra = `dn: uid=z,o=Kontor\nobjectClass: zimbraAccount\nzimbraMailStatus: enabled
zimbraMailDeliveryAddress: z@kontor.example\nzimbraAccountStatus: maintenance\n\n`;
    expect(await rulesOf("zimbra", zimbra)).toEqual({ "z@kontor.example": "later" });
  });

  it("gives the rule with every key of the entry", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "a.ldif"), anna.replace("objectClass", "msExchRequireAuthToSendTo: TRUE\nobjectClass"));
    const { found } = await readAll(
      source({ type: "ldif", preset: "active-directory", url: ["a.ldif"] }, undefined, folder),
    );
    expect(found.map(({ rule }) => rule)).toEqual(["internal", "internal"]);
  });
});

describe("the text of a rule", () => {
  it("is read as it was written, and open where it would be too long", () => {
    const key = fc.stringMatching(/^[a-z0-9.+]{1,12}@[a-z]{1,8}\.example$/);
    fc.assert(
      fc.property(fc.uniqueArray(key, { minLength: 1, maxLength: 30 }), (keys) => {
        const rule = parseRule(formatSenders(keys));
        expect(rule?.kind === "senders" ? [...rule.keys].toSorted() : []).toEqual(keys.toSorted());
      }),
    );
    expect(formatSenders(Array.from({ length: maxSenders + 1 }, (_, index) => `a${index}@b`))).toBe("");
    expect(formatSenders(['"a b"@c'])).toBe("");
    fc.assert(fc.property(fc.string(), (text) => void parseRule(text)));
  });
});
