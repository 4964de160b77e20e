import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import type { LookupSettings, RecipientAnswer } from "../../src/snapshot/recipients.ts";
import { found, listSource, mailbox, memoryLog, publish, temporaryFolder } from "./fixture.ts";

const domains = createDomains(["kontor.example", "werk.example", ".filiale.example"], {
  "kontor.test": "kontor.example",
});

/** Two sources: one for every domain, one for two of them. */
async function ask(settings: Partial<LookupSettings> = {}): Promise<(text: string) => RecipientAnswer> {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  await publish(path, [
    listSource("office", [
      found("anna@kontor.example", "account", "CN=Anna"),
      found("sales@kontor.example", "group", "CN=Sales"),
      found("list+all@kontor.example", "alias", "CN=All"),
      found("user%notes@kontor.example", "alias", "CN=Notes"),
      found("Chef", "shortname", "CN=Chef"),
      found('"an na"@kontor.example', "alias", "CN=An Na"),
      found('"ted@home"@kontor.example', "alias", "CN=Ted"),
    ]),
    listSource("plant", [found("schmied", "shortname", "CN=Schmied"), found("chef", "account", "CN=Werk")], {
      domains: ["werk.example", ".filiale.example"],
    }),
  ]);
  const reader = openSnapshot(path, memoryLog());
  const { find } = createRecipients(reader, domains, {
    match: "address",
    always: ["postmaster", "Abuse@kontor.test"],
    recipient_delimiter: "+",
    ...settings,
  });
  return (text) => find(mailbox(text));
}

describe("recipients", () => {
  it("tells which key, kind, source and entry matched", async () => {
    const find = await ask();
    expect(find("ANNA@Kontor.Example")).toEqual({
      kind: "known",
      key: "anna@kontor.example",
      as: "account",
      source: "office",
      entry: "CN=Anna",
    });
    expect(find("chef@kontor.example")).toEqual({
      kind: "known",
      key: "chef",
      as: "shortname",
      source: "office",
      entry: "CN=Chef",
    });
    expect(find("postmaster@werk.example")).toEqual({
      kind: "known",
      key: "postmaster",
      as: "always",
      source: "",
      entry: "",
    });
  });

  it.each([
    ["an alias domain", "anna@kontor.test", "known"],
    ["quotes", '"anna"@kontor.example', "known"],
    ["a quoted blank", '"AN NA"@kontor.example', "known"],
    ["another relay domain", "anna@werk.example", "unknown"],
    ["a recipient extension", "anna+x+y@kontor.example", "known"],
    ["an address with the delimiter in it", "list+all@kontor.example", "known"],
    ["an extension of nobody", "list@kontor.example", "unknown"],
    ["nothing but an extension", "+x@kontor.example", "unknown"],
    ["a Kelvin sign's letter", "anna@\u212Aontor.example", "known"],
    ["a listed route", "USER%NOTES@kontor.example", "known"],
    ["an unlisted route", "anna%notes@kontor.example", "unknown"],
    ["a route behind an extension", "anna+x%elsewhere@kontor.example", "unknown"],
    ["an address as quoted user part", '"anna@kontor.example"@werk.example', "unknown"],
    ["a short name in its source's domain", "schmied@werk.example", "known"],
    ["a short name below its source's domain", "schmied@nord.filiale.example", "known"],
    ["a short name elsewhere", "schmied@kontor.example", "unknown"],
    ["a short name without domain", "schmied", "known"],
    ["an address's user without domain", "anna", "unknown"],
    ["a bare postmaster", "Postmaster", "known"],
    ["an always address in its domain", "abuse@kontor.example", "known"],
    ["an always address in its alias domain", "abuse+1@kontor.test", "known"],
    ["an always address elsewhere", "abuse@werk.example", "unknown"],
    ["nobody", "nobody@kontor.example", "unknown"],
  ])("looks up %s", async (_, text, kind) => {
    const find = await ask();
    expect(find(text).kind).toBe(kind);
  });

  it("keeps extensions apart where there is no delimiter", async () => {
    const find = await ask({ recipient_delimiter: "" });
    expect(find("anna+x@kontor.example").kind).toBe("unknown");
    expect(find("list+all@kontor.example").kind).toBe("known");
  });

  it.each([
    ["anna@werk.example", "known"],
    ["anna@elsewhere.example", "known"],
    ["schmied@kontor.example", "known"],
    ["anna+x@elsewhere.example", "known"],
    ["abuse@werk.example", "known"],
    ['"ted@home"@elsewhere.example', "known"],
    ["ted@kontor.example", "unknown"],
    ["ann@kontor.example", "unknown"],
    ["annaa@kontor.example", "unknown"],
    ['"anna@kontor.example"@werk.example', "unknown"],
    ['"anna@kontor"@werk.example', "unknown"],
  ])("looks only at the user part of %s where match says so", async (text, kind) => {
    const find = await ask({ match: "user-part" });
    expect(find(text).kind).toBe(kind);
  });
});
