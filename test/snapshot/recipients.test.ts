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
      found("anna-lena@kontor.example", "account", "CN=Anna-Lena"),
      found("sales@kontor.example", "group", "CN=Sales"),
      { ...found("board@kontor.example", "group", "CN=Board"), rule: "senders:anna@kontor.example" },
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

  it("takes each character of the delimiter for one, and the longest listed part before it", async () => {
    const find = await ask({ recipient_delimiter: "+-" });
    const keyOf = (text: string): string | undefined => {
      const answer = find(text);
      return answer.kind === "known" ? answer.key : undefined;
    };
    expect(keyOf("anna-news@kontor.example")).toBe("anna@kontor.example");
    expect(keyOf("anna+news@kontor.example")).toBe("anna@kontor.example");
    expect(keyOf("anna-lena-news@kontor.example")).toBe("anna-lena@kontor.example");
    expect(keyOf("anna-lena+news-x@kontor.example")).toBe("anna-lena@kontor.example");
    expect(keyOf("anna-lenas-x@kontor.example")).toBe("anna@kontor.example");
    expect(keyOf("schmied-x@werk.example")).toBe("schmied");
    expect(keyOf("abuse-x@kontor.example")).toBe("abuse@kontor.example");
    expect(keyOf("-anna@kontor.example")).toBeUndefined();
    expect(keyOf("nobody-anna@kontor.example")).toBeUndefined();
    expect(keyOf("anna-x%elsewhere@kontor.example")).toBeUndefined();
  });

  it("looks a signed return path up without its tag", async () => {
    const find = await ask();
    for (const text of [
      "prvs=0123456789=anna@kontor.example",
      "PRVS=4321abcdef=Anna+list@kontor.test",
      "btv1==074a1b2c3d4==anna@kontor.example",
      "prvs=0123456789=list+all@kontor.example",
      "prvs=0123456789=schmied@werk.example",
    ]) {
      expect(find(text).kind, text).toBe("known");
    }
    for (const text of [
      "prvs=0123456789=nobody@kontor.example",
      "prvs==anna@kontor.example",
      "prvs=anna@kontor.example",
      "btv1=0123456789=anna@kontor.example",
      '"prvs=0123456789=anna@elsewhere"@kontor.example',
      "prvs=0123456789=anna%elsewhere@kontor.example",
    ]) {
      expect(find(text).kind, text).toBe("unknown");
    }
    const off = await ask({ signed_return_paths: false });
    expect(off("prvs=0123456789=anna@kontor.example").kind).toBe("unknown");
  });

  it("knows a rewritten sender at a domain of ours, for the null sender", async () => {
    const find = await ask();
    for (const text of [
      "SRS0=Hk4x=2A=partner.example=bob@kontor.example",
      "srs0+Hk4x=2A=partner.example=bob@kontor.test",
      "SRS0-Hk4x=2A=partner.example=bob=x@werk.example",
      "SRS1=Ab3d=hop.example==Hk4x=2A=partner.example=bob@kontor.example",
      "SRS1-Ab3d=hop.example=+Hk4x=2A=partner.example=bob@kontor.example",
    ]) {
      expect(find(text), text).toMatchObject({ as: "return path", restriction: { kind: "bounces" } });
    }
    for (const text of [
      "SRS0=Hk4x=2A=partner.example=bob%evil@kontor.example",
      '"SRS0=Hk4x=2A=partner.example=bob@evil"@kontor.example',
      "SRS0=Hk4x=2A=partner.example=bob@elsewhere.example",
      "SRS0=Hk4x=2A=partner.example=bob",
      "SRS0=bob@kontor.example",
      "SRS2=Hk4x=2A=partner.example=bob@kontor.example",
    ]) {
      expect(find(text).kind, text).toBe("unknown");
    }
    const off = await ask({ signed_return_paths: false });
    expect(off("SRS0=Hk4x=2A=partner.example=bob@kontor.example").kind).toBe("unknown");
  });

  it("accepts a sender on a recipient's list with an extension or a signature", async () => {
    const find = await ask();
    const answer = find("board@kontor.example");
    const restriction = answer.kind === "known" ? answer.restriction : undefined;
    if (restriction?.kind !== "senders") {
      throw new TypeError("no list of senders");
    }
    const taken = ["anna@kontor.example", "anna+x@kontor.test", "prvs=0123456789=anna@kontor.example"];
    expect(taken.filter((sender) => !restriction.accepts(mailbox(sender)))).toEqual([]);
    expect(restriction.accepts(mailbox("prvs=0123456789=bert@kontor.example"))).toBe(false);
    expect(restriction.accepts(undefined)).toBe(false);
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
