import { describe, expect, it } from "vitest";

import { presetNames } from "../../src/config/preset-names.ts";
import { writtenAddresses } from "../../sync/convert/written-addresses.ts";
import { ruleOf } from "../../sync/convert/restrictions.ts";
import { createScope } from "../../sync/convert/scope.ts";
import { presets } from "../../sync/presets/registry.ts";
import { kontor, readAll, source, typeFor } from "./reading.ts";
import { convertEntries } from "../../sync/convert/addresses.ts";
import { createRules } from "../../sync/convert/rules.ts";
import { presetFor } from "../../sync/presets/preset-for.ts";
import { sourceSettings } from "./reading.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

describe("the addresses within a value", () => {
  it.each([
    ["a@x", ["a@x"]],
    ["a@x, b@x,c@x", ["a@x", "b@x", "c@x"]],
    ["a@x; b@x;", ["a@x", "b@x"]],
    ["<f@x>", ["f@x"]],
    ["Anna <a@x>", ["a@x"]],
    ['"Huber, Anna" <a@x>, b@x', ["a@x", "b@x"]],
    ["Huber, Anna <a@x>, Meier, Bert <b@x>", ["a@x", "b@x"]],
    ["mailto:a@x", ["a@x"]],
    ["MAILTO:a%2Bb@x?subject=Hello%20there", ["a+b@x"]],
    ["<mailto:a@x>", ["a@x"]],
    ["mailto:a@x,b@x", ["a@x", "b@x"]],
    ["mailto:%zz@x", ["%zz@x"]],
    ["smtp:a@x,SMTP:b@x", ["smtp:a@x", "SMTP:b@x"]],
    ['"a,b"@x', ['"a,b"@x']],
    ['"a,b"@x, c@x', ['"a,b"@x', "c@x"]],
    ["anna, b@x", ["anna", "b@x"]],
    ["X500:/o=Kontor, a@x", ["X500:/o=Kontor, a@x"]],
    ["SIP:a@x;transport=tls", ["SIP:a@x;transport=tls"]],
    ["Huber, Anna", ["Huber, Anna"]],
    ['a@x "', ['a@x "']],
    ["Anna <a@x", ["Anna <a@x"]],
    ["<>, @", ["@"]],
  ])("%j are %j", (value, texts) => {
    expect(writtenAddresses(value)).toEqual(texts);
  });

  it("take time in proportion to the value's length", () => {
    const started = performance.now();
    for (const part of ['"', "<", "a@x,", "x, ", "\\", '"\\']) {
      writtenAddresses(`@${part.repeat(60_000 / part.length)}`);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("each become a recipient, in every form of an attribute that holds addresses", () => {
    const values = ["Anna <anna@kontor.example>, <bert@kontor.test>", "mailto:carla@kontor.example; x@other.example"];
    // An attribute with prefixes has one address per value.
    const written = presetNames.filter((name) => presets[name].addresses[0]?.form !== "prefixed");
    expect(written.length).toBeGreaterThan(6);
    for (const preset of written) {
      const settings = sourceSettings({ preset, type: typeFor(preset) });
      const rules = createRules(settings, presetFor(settings), createScope([], kontor));
      const attribute = rules.preset.addresses[0]?.attribute ?? "";
      const entry = { dn: "cn=x", attributes: new Map([[attribute, values]]) };
      const { found, left } = convertEntries([entry], rules);
      expect([preset, found.map(({ key }) => key)]).toEqual([
        preset,
        ["anna@kontor.example", "bert@kontor.example", "carla@kontor.example"],
      ]);
      expect(left).toEqual([{ entry: "cn=x", attribute, value: "x@other.example", why: "foreign domain" }]);
    }
  });

  it("stand so in a list, too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gmto-written-"));
    writeFileSync(join(folder, "list"), "Anna <anna@kontor.example>, bert@kontor.example\n");
    const { keys } = await readAll(source({ type: "list", url: ["list"] }, undefined, folder));
    rmSync(folder, { recursive: true });
    expect([...keys]).toEqual(["anna@kontor.example", "bert@kontor.example"]);
  });

  it("are senders where a group names those that may write to it", () => {
    const attributes = new Map([["mgrpallowedbroadcaster", ["mailto:a@x.example, Bert <b@x.example>"]]]);
    const rule = ruleOf({ dn: "cn=g", attributes }, presets["389ds"], createScope([], kontor));
    expect(rule).toBe("senders:a@x.example b@x.example");
  });
});

describe("what was left out", () => {
  const left = (attributes: Readonly<Record<string, readonly string[]>>): unknown => {
    const settings = sourceSettings({ preset: "domino" });
    const rules = createRules(settings, presetFor(settings), createScope([], kontor));
    return convertEntries([{ dn: "cn=x", attributes: new Map(Object.entries(attributes)) }], rules).left;
  };

  it("has its entry, attribute, value and reason", () => {
    expect(left({ mail: ["a b@kontor.example"], uid: ["m\u00adüller", "a!b"] })).toEqual([
      { entry: "cn=x", attribute: "mail", value: "a b@kontor.example", why: "invented address" },
      { entry: "cn=x", attribute: "uid", value: "m\u00adüller", why: "8-bit user part" },
      { entry: "cn=x", attribute: "uid", value: "a!b", why: "names a route" },
    ]);
  });

  it("names what excludes a whole entry", () => {
    expect(left({ mail: ["g@kontor.example"], grouptype: ["3"] })).toEqual([
      { entry: "cn=x", attribute: "grouptype", value: "3", why: "group that takes no mail" },
    ]);
  });

  it("keeps the beginning of a long value alone", () => {
    expect(left({ mail: [`${"x".repeat(100_000)}@kontor.example`] })).toEqual([
      { entry: "cn=x", attribute: "mail", value: "x".repeat(300), why: "too long" },
    ]);
  });
});
