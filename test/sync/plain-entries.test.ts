import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { Conversion, convertEntries } from "../../sync/convert/addresses.ts";
import { createRules, type Rules } from "../../sync/convert/rules.ts";
import { createScope } from "../../sync/convert/scope.ts";
import { presetFor } from "../../sync/presets/preset-for.ts";
import { presets } from "../../sync/presets/registry.ts";
import { startWatch } from "../../sync/sources/changes.ts";
import { type FoundEntry, readFoundEntry } from "../../sync/sources/found-entry.ts";
import type { LdapConnection } from "../../sync/sources/ldap-connection.ts";
import { PlainEntries } from "../../sync/sources/plain-entries.ts";
import { hasRanges, readEntry } from "../../sync/sources/ranges.ts";
import { createSightings } from "../../sync/sources/sightings.ts";
import { type Written, write } from "../fakes/ldap-messages.ts";
import { kontor, sourceSettings } from "./reading.ts";

const trees = Object.values(presets).filter(({ shape }) => shape === "tree");
const runs = process.env["FUZZ_RUNS"] === undefined ? 300 : Number(process.env["FUZZ_RUNS"]);

const domain = fc.oneof(
  { weight: 5, arbitrary: fc.constant("kontor.example") },
  fc.constantFrom("Kontor.Example", "kontor.test", "kontor.example.", "elsewhere.example", "kontör.example", "x", ""),
);
const signs = "abcxyzABZ0189!#$%&'*+-/=?^_`{|}~.".split("");
const user = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("anna", "bert", "Anna", "a.b", "catchall", "CatchAll", "a%kontor") },
  fc.string({ unit: fc.constantFrom(...signs), maxLength: 6 }),
  fc.constantFrom(
    '"anna b"',
    "anna b",
    "jürgen",
    "anna_x.example#EXT#",
    "a%kontor",
    "cn=anna",
    "*",
    "",
    "x".repeat(250),
  ),
);
const address = fc.tuple(user, domain).map(([before, after]) => `${before}@${after}`);
const name = fc.constantFrom(
  "Anna Huber",
  "anna",
  "CN=Anna Huber/O=Kontor",
  "CN=Anna Huber,O=Kontor",
  "AHuber",
  "a!b",
  "a%b",
  "x:y",
);
const prefix = fc.constantFrom("", "", "SMTP:", "smtp:", "Smtp:", "smtp: ", "X500:", "sip:", "mailto:", "smtp");
const list = fc.array(fc.oneof(address, name), { maxLength: 3 }).map((all) => all.join(", "));
const text = fc.oneof(
  { weight: 6, arbitrary: address },
  { weight: 3, arbitrary: fc.tuple(prefix, address).map((parts) => parts.join("")) },
  name,
  list,
  address.map((one) => ` ${one}`),
  address.map((one) => `${one} `),
  address.map((one) => `Anna <${one}>`),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 6 }),
);
const value = fc.oneof(
  { weight: 8, arbitrary: text.map((one) => Buffer.from(one)) },
  text.map((one) => Buffer.from(one, "latin1")),
  fc.uint8Array({ maxLength: 8 }),
);
const dn = fc.constantFrom(
  "uid=anna,o=Kontor",
  "uid=bert,o=Kontor",
  "CN=Huber\\, Anna,OU=Süd,O=Kontor",
  'cn="a,b" + uid=x , O=Kontor',
  "cn=J\xfcrgen",
  "",
);
const classes = fc.constantFrom(
  ["top", "person", "inetOrgPerson"],
  ["top", "group"],
  ["top", "GroupOfNames", "mailGroup", "zimbraDistributionList", "qmailGroup"],
  ["dominoPerson"],
  ["dominoGroup"],
  [],
);
/** What restrictions and exclusions look for, and what they do not. */
const word = fc.constantFrom(
  "TRUE",
  "true ",
  "FALSE",
  "disabled",
  "Deleted",
  "active",
  "2",
  "3",
  "0",
  "maintenance",
  "inactive",
  "alias",
);
const time = fc.oneof(
  fc
    .integer({ min: Date.UTC(2020, 0) / 1000, max: Date.UTC(2027, 0) / 1000 })
    .map((second) => `${digitsOf(second * 1000)}.000000Z#000000#000#000000`),
  fc.constantFrom("", "2026", "now", "2026112911583x"),
);

/** "20261121115837" */
function digitsOf(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/\D/g, "").slice(0, 14);
}

/** Attributes that a preset knows, by names as servers write them, each mostly once. */
function attributesFor({ preset }: Rules): fc.Arbitrary<Written["attributes"]> {
  const spelled = (one: string): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(one) },
      fc.constantFrom(one.toUpperCase(), `${one};lang-de`, `${one};range=0-*`, `${one};range=0-1`),
    );
  const some = (names: readonly string[], values: fc.Arbitrary<Uint8Array>, odds: number) =>
    names.map((one) =>
      fc.option(fc.record({ type: spelled(one), values: fc.array(values, { maxLength: odds > 1 ? 3 : 12 }) }), {
        freq: odds,
        nil: undefined,
      }),
    );
  const octets = (arbitrary: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
    arbitrary.map((one) => Buffer.from(one));
  const said = [...preset.exclusions, ...preset.rules].map(({ attribute }) => attribute);
  const parts = [
    classes.map((all) => ({ type: "objectClass", values: all.map((one) => Buffer.from(one)) })),
    ...some(
      preset.addresses.map(({ attribute }) => attribute),
      value,
      3,
    ),
    ...some(
      said.filter((one) => !preset.addresses.some(({ attribute }) => attribute === one)),
      octets(fc.oneof(word, address, dn)),
      1,
    ),
    ...some(["entryCSN"], octets(time), 4),
    ...some(["description", "mail"], value, 1),
  ];
  const all = fc.tuple(...parts).map((found) => found.filter((one) => one !== undefined));
  return fc.oneof(
    { weight: 4, arbitrary: all },
    all.chain((found) => fc.shuffledSubarray(found)),
  );
}

function scene() {
  return fc
    .record({
      // Domino has rules of its own for what others take letter for letter.
      preset: fc.constantFrom(...trees.map((one) => one.name), "domino", "domino", "domino"),
      attributes: fc.constantFrom<string[]>([], [], ["uid", "mail"], ["mail", "proxyAddresses"]),
      lookup: fc.constantFrom<SourceSettings["lookup"]>("both", "both", "local", "fullname"),
      notes_domain: fc.constantFrom("", "Kontor"),
      isOpen: fc.boolean(),
    })
    .chain(({ isOpen, ...more }) => {
      const settings = sourceSettings(more);
      const create = (): Rules =>
        createRules(settings, presetFor(settings), createScope([], kontor), { takesCatchAll: () => isOpen });
      const entry = fc.record({
        id: fc.constant(7),
        name: dn,
        attributes: attributesFor(create()),
        form: fc.constantFrom(0, 0, 0, 4),
      });
      // The same entry often comes again: what is remembered of it must not be in the way of the next one.
      return fc.array(entry, { minLength: 1, maxLength: 12 }).map((entries) => ({ create, entries }));
    });
}

/** An octet that is another one than the server wrote. */
interface Spoilt {
  /** Share of the octets that come before it. */
  readonly at: number;
  readonly octet: number;
}

/** One message after another, as they come; those that are no entries any more are left out. @param more octets behind them */
function received(
  entries: readonly Written[],
  more: number,
  spoilt: readonly Spoilt[],
  form: "checked" | "unchecked" = "checked",
): FoundEntry[] {
  const messages = entries.map(write);
  const bytes = Buffer.concat([...messages, Buffer.alloc(more)]);
  const length = bytes.length - more;
  spoilt.forEach(({ at, octet }) => (bytes[Math.floor(at * length)] = octet));
  let end = 0;
  return messages.flatMap((message) => {
    end += message.length;
    try {
      const entry = readFoundEntry(bytes, end - message.length, end);
      if (form === "checked") {
        entry?.check();
      }
      return entry ?? [];
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      return [];
    }
  });
}

/** What the sync notes besides: of each entry, by the attributes as they are read. */
function notesOf(found: readonly FoundEntry[], asked: readonly string[], rules: Rules) {
  const entries = found.map(readEntry);
  const names = entries.flatMap(({ attributes }) =>
    [...attributes].map(([one, values]) => ({ one, isFilled: values.length > 0 })),
  );
  const filled = new Set(names.filter(({ isFilled }) => isFilled).map(({ one }) => one));
  const times = found.flatMap(({ attributes }) => {
    const first = attributes.find(({ type }) => type.toLowerCase() === "entrycsn")?.values[0] ?? "";
    const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(first)?.slice(1).map(Number) ?? [];
    const [year, month, day, hour, minute, second] = parts;
    return year === undefined ? [] : [Date.UTC(year, (month ?? 1) - 1, day, hour, minute, second)];
  });
  return {
    missing: new Set(rules.preset.addresses.map(({ attribute }) => attribute).filter((one) => !filled.has(one))),
    others: new Set(names.map(({ one }) => one).filter((one) => !asked.includes(one))),
    // The watch goes a minute back.
    reached: times.length === 0 ? "" : `entryCSN ${digitsOf(Math.max(...times) - 60_000)}`,
  };
}

const spoilt = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      octet: fc.integer({ min: 0, max: 255 }),
    }),
    { maxLength: 4 },
  ),
);

describe("the short way from an entry's octets to its keys", () => {
  // Nothing is asked of the server for this kind of watch.
  const nobody = {} as unknown as LdapConnection;

  it("gives no more than a RangeError where an entry cannot be read", async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(scene(), fc.constantFrom(0, 200_000), spoilt, async ({ create, entries }, more, wrong) => {
        const rules = create();
        const watch = await startWatch("entryCSN", nobody, "", () => 0);
        const plain = new PlainEntries(rules, new Conversion(rules), createSightings(rules, []), watch);
        for (const entry of received(entries, more, wrong, "unchecked")) {
          try {
            plain.convert(entry);
            read += 1;
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            expect(() => entry.check()).toThrow(RangeError);
          }
        }
      }),
      { numRuns: 1000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it("gives what the long way gives, of whatever entries", async () => {
    let [short, long] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        scene(),
        fc.constantFrom(0, 0, 0, 0, 200_000),
        spoilt,
        async ({ create, entries }, more, wrong) => {
          const found = received(entries, more, wrong).filter((one) => !hasRanges(one));
          const asked = ["objectclass", "mail", "entrycsn"];
          const [rules, others] = [create(), create()];
          const watch = await startWatch("entryCSN", nobody, "", () => 0);
          const sightings = createSightings(rules, asked);
          const conversion = new Conversion(rules);
          const plain = new PlainEntries(rules, conversion, sightings, watch);
          for (const one of found) {
            if (plain.convert(one)) {
              short += 1;
            } else {
              long += 1;
              conversion.entry(readEntry(one));
            }
          }
          expect(conversion.take()).toEqual(convertEntries(found.map(readEntry), others));
          expect([...rules.kinds]).toEqual([...others.kinds]);
          const notes = notesOf(found, asked, others);
          expect(sightings.missing).toEqual(notes.missing);
          expect(sightings.others).toEqual(notes.others);
          expect(watch.reached()).toBe(notes.reached);
        },
      ),
      { numRuns: runs },
    );
    expect(short).toBeGreaterThan(runs / 2);
    expect(long).toBeGreaterThan(runs / 10);
  });
});
