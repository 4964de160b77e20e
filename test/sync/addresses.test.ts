import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { namesRoute, normalKey, parseMailbox } from "../../src/mail/address.ts";
import { convertEntries } from "../../sync/convert/addresses.ts";
import { createRules } from "../../sync/convert/rules.ts";
import { presetFor } from "../../sync/presets/preset-for.ts";
import { presets } from "../../sync/presets/registry.ts";
import { createScope } from "../../sync/convert/scope.ts";
import type { Batch } from "../../sync/source.ts";
import { kontor, sourceSettings, typeFor } from "./reading.ts";

function convert(
  preset: keyof typeof presets,
  attributes: Readonly<Record<string, readonly string[]>>,
  more = {},
): Batch {
  const settings = sourceSettings({ preset, notes_domain: "Kontor", ...more });
  const rules = createRules(settings, presetFor(settings), createScope([], kontor));
  return convertEntries([{ dn: "cn=x", attributes: new Map(Object.entries(attributes)) }], rules);
}

function keys(...words: Parameters<typeof convert>): string[] {
  return convert(...words).found.map(({ key }) => key);
}

describe("an entry's addresses", () => {
  it("are the forms in which Domino's router takes a name", () => {
    expect(keys("domino", { cn: ["Anna Maria  Schmidt"] })).toEqual([
      "anna_maria_schmidt",
      "anna.maria.schmidt",
      "anna_maria_schmidt%kontor@kontor.example",
    ]);
    expect(keys("domino", { cn: ["O'Neill"], altfullname: ["CN=Sven-Neil/O=Kontor"] }, { notes_domain: "" })).toEqual([
      "o'neill",
      "sven-neil",
    ]);
  });

  it("are full addresses among the names too", () => {
    expect(keys("domino", { cn: ["team@kontor.test"], uid: ["x@other.example"] })).toEqual(["team@kontor.example"]);
  });

  it("are no addresses that Domino made up", () => {
    for (const mail of [
      "A_B/Kontor@kontor.example",
      "A\\B@kontor.example",
      "{A}@kontor.example",
      "A B@kontor.example",
    ]) {
      expect(convert("domino", { mail: [mail] })).toMatchObject({ found: [], skipped: { "invented address": 1 } });
    }
  });

  it("name a route only in the form of our own Notes domain", () => {
    expect(keys("domino", { mail: ["A_B%KONTOR@kontor.example"] })).toEqual(["a_b%kontor@kontor.example"]);
    for (const mail of [
      "a%other@kontor.example",
      "a%b%kontor@kontor.example",
      "%kontor@kontor.example",
      "a!b%kontor@kontor.example",
    ]) {
      expect(convert("domino", { mail: [mail] })).toMatchObject({ found: [], skipped: { "names a route": 1 } });
    }
    expect(convert("domino", { uid: ["a!b", "a%kontor"] }).skipped).toEqual({ "names a route": 2 });
  });

  it("count letter for letter where another directory lists a whole address with a route in it", () => {
    for (const mail of [
      "a%other@kontor.example",
      "b!a@kontor.example",
      '"a:b"@kontor.example',
      '"a@b"@kontor.example',
    ]) {
      const user = mail.slice(0, mail.lastIndexOf("@")).replaceAll('"', "");
      expect(keys("openldap", { mail: [mail] })).toEqual([`${user}@kontor.example`]);
    }
  });

  it("are not everybody's where the user part is empty", () => {
    expect(keys("openldap", { mail: ['""@kontor.example'] })).toEqual(['""@kontor.example']);
  });

  it("are those of no group whose type takes no mail", () => {
    const taken = ["0", "1", "2", "3", "4"].filter(
      (grouptype) => keys("domino", { mail: ["g@kontor.example"], grouptype: [grouptype] }).length === 1,
    );
    expect(taken).toEqual(["0", "1"]);
  });

  it("stand once, as the first thing that they are", () => {
    const { found } = convert("active-directory", {
      proxyaddresses: ["smtp:b@kontor.example", "SMTP:a@kontor.example", "smtp:A@KONTOR.test"],
      mail: ["a@kontor.example"],
    });
    expect(found.map(({ key, kind }) => [key, kind])).toEqual([
      ["b@kontor.example", "alias"],
      ["a@kontor.example", "account"],
    ]);
  });

  it("stand once however many an entry has", () => {
    const mail = Array.from({ length: 40 }, (_, number) => `user${number % 20}@kontor.example`);
    const once = mail.slice(0, 20);
    expect(keys("openldap", { mail })).toEqual(once);
    expect(keys("openldap", { mail: mail.map((one) => one.toUpperCase()), mailalternateaddress: mail })).toEqual(once);
  });

  it("may have a name as JavaScript's own objects have", () => {
    expect(convert("domino", { objectclass: ["__proto__", "constructor"], uid: ["__proto__"] }).found).toMatchObject([
      { key: "__proto__", kind: "shortname" },
    ]);
  });

  it("are keys that the relay finds again, whatever the directory holds", () => {
    const part = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom(
        "smtp:",
        "SMTP:",
        "X500:",
        "@kontor.example",
        "@KONTOR.test",
        "%KONTOR",
        "a b",
        "/",
        "\0",
        "CN=x/O=y",
        '"',
        "@",
        "ü",
      ),
    );
    const value = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(""));
    const names = fc.constantFrom(
      "mail",
      "uid",
      "cn",
      "altfullname",
      "proxyaddresses",
      "grouptype",
      "objectclass",
      "zimbramailcatchalladdress",
    );
    const preset = fc.constantFrom(...(Object.keys(presets) as (keyof typeof presets)[]));
    const lookup = fc.constantFrom("fullname", "local", "both");
    fc.assert(
      fc.property(preset, lookup, fc.dictionary(names, fc.array(value, { maxLength: 4 })), (word, mode, attributes) => {
        for (const { key } of convert(word, attributes, { type: typeFor(word), lookup: mode }).found) {
          const at = key.lastIndexOf("@");
          const user = at < 0 ? key : key.slice(0, at);
          expect(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(key)).toBe(false);
          // The relay reads the same address from the wire, quoted where need be.
          const wire = `"${user.replace(/["\\]/g, "\\$&")}"@kontor.example`;
          const mailbox = parseMailbox(wire);
          expect(mailbox).toBeDefined();
          expect(user === '""' || normalKey(mailbox?.user ?? "", at < 0 ? "" : "kontor.example") === key).toBe(true);
          expect(at < 0 && namesRoute(user)).toBe(false);
          expect(mode === "fullname" && word === "domino" && at < 0).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
