import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { SourceFault } from "../../sync/source.ts";
import { parseLdif } from "../../sync/sources/ldif-parser.ts";
import { faultOf, readAll, source } from "./reading.ts";

type Plain = { dn: string; line: number; attributes: Record<string, readonly string[]> };

async function parse(input: string | AsyncIterable<string>): Promise<Plain[]> {
  const entries: Plain[] = [];
  for await (const { dn, line, attributes } of parseLdif(input, "export.ldif")) {
    entries.push({ dn, line, attributes: Object.fromEntries(attributes) });
  }
  return entries;
}

async function* chunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) {
    yield text.slice(at, at + size);
  }
}

/** Writes entries as any exporter may: base64 where needed, folded anywhere. */
function write(
  entries: readonly { dn: string; values: readonly (readonly [string, string])[] }[],
  fold: number,
  end: string,
): string {
  const line = (name: string, value: string): string => {
    const safe = /^[\x21-\x39\x3b\x3d-\x7e][\x20-\x7e]*$/.test(value) && !value.endsWith(" ");
    const text = safe || value === "" ? `${name}: ${value}` : `${name}:: ${Buffer.from(value).toString("base64")}`;
    return text.replace(new RegExp(`(?<=^.{${fold}}|\\G.{${fold - 1}})(?=.)`, "g"), `${end} `);
  };
  const record = (entry: (typeof entries)[number]): string =>
    [line("dn", entry.dn), ...entry.values.map(([name, value]) => line(name, value))].join(end);
  return `version: 1${end}${end}${entries.map(record).join(end + end)}${end}`;
}

describe("the LDIF parser", () => {
  it("reads folded lines, base64, comments, options and a byte order mark", async () => {
    const text = [
      "\uFEFFversion: 1",
      "# a comment",
      "  that goes on",
      "dn: cn=Anna",
      " Schmidt,o=Kontor",
      "objectClass: person",
      "cn;lang-de:: SsO8cmdlbg==",
      "mail:anna@kontor.",
      " example",
      "# in the middle",
      "MAIL:   second@kontor.example",
      "description:",
      "jpegPhoto:: /9j/4A==",
      "",
      "",
      "dn:: Y249SsO8cmdlbg==",
      "changetype: add",
      "cn: x",
      "",
    ].join("\r\n");
    expect(await parse(text)).toEqual([
      {
        dn: "cn=AnnaSchmidt,o=Kontor",
        line: 4,
        attributes: {
          objectclass: ["person"],
          cn: ["Jürgen"],
          mail: ["anna@kontor.example", "second@kontor.example"],
          description: [""],
          jpegphoto: ["\xff\xd8\xff\xe0"],
        },
      },
      { dn: "cn=Jürgen", line: 16, attributes: { cn: ["x"] } },
    ]);
  });

  it.each<[string, string, string[]]>([
    ["begins a record at every dn", "dn: cn=a\nmail: a\ndn: cn=b\nmail: b\n", ["cn=a: a", "cn=b: b"]],
    ["takes blanks for an empty line", "dn: cn=a\nmail: a\n   \ndn: cn=b\nmail: b\n\t\n", ["cn=a: a  ", "cn=b: b"]],
    ["takes blanks after an empty line for one", "\n  \ndn: cn=a\nmail: a\n\n  \n \n", ["cn=a: a"]],
    [
      "reads exports put together",
      "version: 1\n\ndn: cn=a\nmail: a\n\nversion: 1\ndn: cn=b\nmail: b\n",
      ["cn=a: a", "cn=b: b"],
    ],
    [
      "passes over controls",
      "dn: cn=a\ncontrol: 1.2.840.113556.1.4.805 true\ncontrol: 1.2:: AAAA\nchangetype: add\nmail: a\n",
      ["cn=a: a"],
    ],
    [
      "does not look at what nobody reads",
      "dn: cn=a\ncustom_field: x\nphoto:< file:///x\npicture:: a*b=\nx y;=: 1\nmail: a\n",
      ["cn=a: a"],
    ],
    ["takes blanks before the colon", "dn : cn=a\nmail : a\n", ["cn=a: a"]],
  ])("%s", async (_, text, wanted) => {
    const entries = await Array.fromAsync(parseLdif(text, "export.ldif", new Set(["mail"])));
    expect(entries.map(({ dn, attributes }) => `${dn}: ${attributes.get("mail")?.join()}`)).toEqual(wanted);
  });

  it("keeps what an attribute's options say beside its values", async () => {
    const [entry] = await Array.fromAsync(parseLdif("dn: cn=a\nCN;lang-de;x-b: d\ncn: e\n", "export.ldif"));
    expect(entry?.attributes).toEqual(new Map([["cn", ["d", "e"]]]));
    expect(entry?.described).toEqual(new Map([["cn;lang-de;x-b", ["d"]]]));
  });

  const utf16 = (text: string): string => Buffer.from(`\uFEFF${text}`, "utf16le").toString("utf8");
  const refused: Record<string, [string, string]> = {
    "a value that is a URL": ["dn: cn=x\nmail:< file:///etc/passwd\n", ":2: the value of mail is a URL"],
    "a deletion": ["dn: cn=x\nchangetype: delete\n", ":2: changetype: delete: a list of changes"],
    "a modification": [
      "dn: cn=x\nchangetype: modify\nadd: mail\nmail: x\n-\n",
      ":2: changetype: modify: a list of changes",
    ],
    "another version": ["version: 2\n\ndn: cn=x\n", ":1: LDIF version"],
    "another version later": ["dn: cn=x\n\nversion: 2\n", ":3: LDIF version"],
    "what ldapsearch says at the end": [
      "dn: cn=x\ncn: x\n\nsearch: 2\nresult: 0 Success\n",
      ':4: a record begins with dn, and this one with "search"; of ldapsearch, use -LLL',
    ],
    "a record without a name": ["cn: x\n", ':1: a record begins with dn, and this one with "cn"'],
    "a line without a colon": ["dn: cn=x\nmail\n", ":2: not an attribute"],
    "bad base64": ["dn: cn=x\nmail:: a*b=\n", ":2: the value of mail is not base64"],
    "a continuation of nothing": [" dn: cn=x\n", ":1: a line begins with a blank"],
    "a file that was cut off": ["dn: cn=x\nmail: b@kontor.exam", ":2: the last line has no line ending"],
    "UTF-16": [utf16("dn: cn=x\r\n"), ":1: the file is UTF-16"],
    "UTF-16 without a mark": ["d\0n\0:\0 \0", ":1: the file is UTF-16"],
    "UTF-16, the high byte first": ["\uFFFD\uFFFD\0d\0n", ":1: the file is UTF-16"],
    gzip: [gzipSync("dn: cn=x\n").toString("utf8"), ":1: the file is compressed (gzip)"],
    "CSV of csvde": ['DN,objectClass,mail\n"CN=x,DC=y",user,x@y\n', ":1: the file is CSV, as csvde writes it"],
    "what IBM's ldapsearch prints": ["cn=x,o=y\nobjectClass=person\nmail=x@y\n", ":1: the lines read attribute=value"],
    XML: ['<?xml version="1.0"?>\n', ":1: the file is XML"],
    JSON: ['[{"dn": "cn=x"}]\n', ":1: the file is JSON"],
  };
  for (const [what, [text, message]] of Object.entries(refused)) {
    it(`refuses ${what}, with file and line`, async () => {
      const fault = await parse(text).catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(SourceFault);
      expect(fault).toMatchObject({ reason: "format", message: expect.stringContaining(`export.ldif${message}`) });
    });
  }

  it("refuses a line without end", async () => {
    async function* endless(): AsyncGenerator<string> {
      yield "dn: cn=x\nmail: ";
      for (;;) {
        yield "x".repeat(1024 * 1024);
      }
    }
    await expect(parse(endless())).rejects.toMatchObject({ reason: "format" });
  });

  it("reads back what was written, however it is folded and cut", async () => {
    const value = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 20 }));
    const name = fc.constantFrom("mail", "cn", "proxyAddresses", "x-1");
    const entry = fc.record({
      dn: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
      values: fc.array(fc.tuple(name, value), { maxLength: 6 }),
    });
    const entries = fc.array(entry, { maxLength: 5 });
    const shape = fc.tuple(
      fc.integer({ min: 2, max: 80 }),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom("\n", "\r\n"),
    );
    await fc.assert(
      fc.asyncProperty(entries, shape, async (wanted, [fold, cut, end]) => {
        const read = await parse(chunks(write(wanted, fold, end), cut));
        const grouped = wanted.map(({ dn, values }) => ({
          dn,
          attributes: Object.fromEntries(
            [...Map.groupBy(values, ([key]) => key.toLowerCase())].map(([key, of]) => [key, of.map(([, one]) => one)]),
          ),
        }));
        expect(read.map(({ dn, attributes }) => ({ dn, attributes }))).toEqual(grouped);
      }),
      { numRuns: 200 },
    );
  });

  it("ends with entries or a fault whatever it is given", async () => {
    const pieces = fc.constantFrom(
      "dn: cn=x\n",
      "dn:: ",
      "mail: a@b\n",
      " ",
      "\n",
      "\r\n",
      "#",
      ":",
      "::",
      "<",
      "version: 1\n",
      "\0",
      "ü",
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary" }),
    );
    await fc.assert(
      fc.asyncProperty(text, async (input) => {
        const outcome = await parse(input).then(
          () => "entries",
          (error: unknown) => (error instanceof SourceFault ? "fault" : String(error)),
        );
        expect(["entries", "fault"]).toContain(outcome);
      }),
      { numRuns: 500 },
    );
  });
});

describe("an LDIF file as a source", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gmto-ldif-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const read = (settings: Parameters<typeof source>[0]): ReturnType<typeof source> =>
    source({ type: "ldif", url: ["export.ldif"], ...settings }, undefined, folder);
  const put = (text: string): Promise<void> => writeFile(join(folder, "export.ldif"), text);
  const person = (name: string, ...lines: string[]): string =>
    `dn: uid=${name},ou=People,o=Kontor\nuid: ${name}\n${lines.join("\n")}\n\n`;

  it("keeps to the filter and the base as a server would", async () => {
    await put(
      person("a", "mail: a@kontor.example", "objectClass: person", "employeeType: Active") +
        person("b", "mail: b@kontor.example", "objectClass: person", "employeeType: gone") +
        person("c", "objectClass: person") +
        "dn: uid=d,ou=Machines,o=Kontor\nmail: d@kontor.example\n",
    );
    expect([...(await readAll(read({}))).keys]).toEqual(["a@kontor.example", "b@kontor.example", "d@kontor.example"]);
    const some = await readAll(read({ base: "OU=People, o=Kontor", filter: "(&(mail=*)(!(employeeType=GONE)))" }));
    expect([...some.keys]).toEqual(["a@kontor.example"]);
    expect(some.entries).toBe(1);
    const started = await readAll(read({ filter: "(|(uid=b*)(uid>=d))" }));
    expect([...started.keys]).toEqual(["b@kontor.example"]);
  });

  it("refuses a filter that only a server can judge", () => {
    expect(() => read({ filter: "(cn:1.2.840.113556.1.4.1941:=x)" })).toThrow(RangeError);
  });

  it("names the file that it cannot read", async () => {
    const fault = await faultOf(read({ url: ["none.ldif"] }));
    expect(fault).toMatchObject({ reason: "unreadable", message: expect.stringContaining(join(folder, "none.ldif")) });
    expect(await faultOf(read({ url: ["."] }))).toMatchObject({ reason: "unreadable" });
  });

  it("hands over a large file in batches", async () => {
    const numbers = Array.from({ length: 2500 }, (_, number) =>
      person(`u${number}`, `mail: u${number}@kontor.example`),
    );
    await put(numbers.join(""));
    const { batches, entries } = await readAll(read({}));
    expect([entries, batches]).toEqual([2500, 3]);
  });

  it("stops when the run is stopped", async () => {
    await put(person("a", "mail: a@kontor.example"));
    expect(await faultOf(read({}), AbortSignal.abort())).toMatchObject({ reason: "timeout" });
  });

  const tables: Record<string, [Parameters<typeof source>[0], string, Record<string, string>]> = {
    openldap: [
      { preset: "openldap" },
      person("a", "objectClass: inetOrgPerson", "mail: a@kontor.example", "mailLocalAddress: a2@kontor.example") +
        person("g", "objectClass: mailGroup", "mail: g@kontor.example") +
        person("p", "objectClass: pilotPerson", "mail: p@kontor.example") +
        person("r", "objectClass: mailRecipient", "mail: r@kontor.example") +
        person("x", "objectClass: posixAccount", "mail: x@kontor.example"),
      {
        "a@kontor.example": "account",
        "a2@kontor.example": "alias",
        "g@kontor.example": "group",
        "p@kontor.example": "account",
        "r@kontor.example": "account",
      },
    ],
    "389ds": [
      { preset: "389ds" },
      person(
        "a",
        "objectClass: inetOrgPerson",
        "mail: a@kontor.example",
        "mailAlternateAddress: a2@kontor.test",
        "nsAccountLock: true",
      ) +
        person("s", "objectClass: inetMailUser", "mail: s@kontor.example", "mailEquivalentAddress: s2@kontor.example") +
        person("g", "objectClass: inetMailGroup", "mail: g@kontor.example") +
        person("l", "objectClass: inetLocalMailRecipient", "mailLocalAddress: l@kontor.example"),
      {
        "a@kontor.example": "account",
        "a2@kontor.example": "alias",
        "s@kontor.example": "account",
        "s2@kontor.example": "alias",
        "g@kontor.example": "group",
        "l@kontor.example": "alias",
      },
    ],
    zimbra: [
      { preset: "zimbra" },
      person(
        "a",
        "objectClass: zimbraAccount",
        "zimbraMailStatus: enabled",
        "zimbraMailDeliveryAddress: a@kontor.example",
        "zimbraMailAlias: a2@kontor.example",
        "zimbraMailCatchAllAddress: @kontor.example",
      ) +
        person(
          "b",
          "objectClass: zimbraAccount",
          "zimbraMailStatus: disabled",
          "zimbraMailDeliveryAddress: b@kontor.example",
        ) +
        person(
          "l",
          "objectClass: zimbraDistributionList",
          "zimbraMailStatus: enabled",
          "zimbraMailAlias: l@kontor.example",
        ) +
        person(
          "dyn",
          "objectClass: groupOfURLs",
          "objectClass: zimbraGroup",
          "zimbraMailStatus: enabled",
          "mail: dyn@kontor.example",
          "zimbraMailAlias: dyn@kontor.example",
        ) +
        person(
          "room",
          "objectClass: zimbraAccount",
          "objectClass: zimbraCalendarResource",
          "zimbraMailStatus: enabled",
          "zimbraMailDeliveryAddress: room@kontor.example",
          "zimbraOldMailAddress: saal@kontor.example",
        ),
      {
        "a@kontor.example": "account",
        "a2@kontor.example": "alias",
        "l@kontor.example": "group",
        "dyn@kontor.example": "group",
        "room@kontor.example": "resource",
        "saal@kontor.example": "resource",
      },
    ],
    "qmail-ldap": [
      { preset: "qmail-ldap" },
      person("a", "objectClass: qmailUser", "mail: a@kontor.example", "accountStatus: noaccess") +
        person("b", "objectClass: qmailUser", "mail: b@kontor.example", "mailAlternateAddress: b2@kontor.example") +
        person("c", "objectClass: qmailUser", "mail: c@kontor.example", "accountStatus: Disabled") +
        person("d", "objectClass: qmailUser", "mail: d@kontor.example", "accountStatus: deleted") +
        person("g", "objectClass: qmailGroup", "mail: g@kontor.example", "mailAlternateAddress: g2@kontor.example"),
      {
        "a@kontor.example": "account",
        "b@kontor.example": "account",
        "b2@kontor.example": "alias",
        "g@kontor.example": "group",
        "g2@kontor.example": "group",
      },
    ],
    domino: [
      { preset: "domino", lookup: "fullname", resource_classes: ["kontorRoom"] },
      person("a", "objectClass: dominoPerson", "mail: a@kontor.example") +
        person("d", "objectClass: dominoServerMailInDatabase", "mail: d@kontor.example") +
        person("r", "objectClass: dominoResource", "mail: r@kontor.example") +
        person("s", "objectClass: dominoServerResource", "mail: s@kontor.example") +
        person("k", "objectClass: KontorRoom", "mail: k@kontor.example") +
        person("x", "objectClass: dominoHoliday", "mail: x@kontor.example"),
      {
        "a@kontor.example": "account",
        "d@kontor.example": "mailin",
        "r@kontor.example": "resource",
        "s@kontor.example": "resource",
        "k@kontor.example": "resource",
      },
    ],
    univention: [
      { preset: "univention" },
      person(
        "a",
        "mailPrimaryAddress: a@kontor.example",
        "mailAlternativeAddress: a2@kontor.example",
        "mail: other@kontor.example",
      ) + person("g", "objectClass: univentionGroup", "mailPrimaryAddress: g@kontor.example"),
      { "a@kontor.example": "account", "a2@kontor.example": "alias", "g@kontor.example": "group" },
    ],
    generic: [
      { preset: "generic", attributes: ["mail", "uid", "otherMailbox"] },
      person(
        "a",
        "mail: a@kontor.example",
        "otherMailbox: smtp:o@kontor.example",
        "otherMailbox: X500:/o=x/cn=a@kontor.example",
      ) + person("b!c", "mail: bare"),
      { "a@kontor.example": "account", a: "alias", "o@kontor.example": "alias" },
    ],
  };
  for (const [preset, [settings, text, keys]] of Object.entries(tables)) {
    it(`reads ${preset} by its table`, async () => {
      await put(text);
      const { found } = await readAll(read(settings));
      expect(Object.fromEntries(found.map(({ key, kind }) => [key, kind]))).toEqual(keys);
    });
  }

  it.each<[string, Parameters<typeof source>[0], string]>([
    ["openldap", { preset: "openldap" }, "objectClass: inetOrgPerson\nmailLocalAddress: @kontor.example"],
    ["univention", { preset: "univention" }, "mailAlternativeAddress: @Kontor.Example"],
    ["389ds", { preset: "389ds" }, "objectClass: mailRecipient\nmailAlternateAddress: @kontor.test"],
    ["zimbra", { preset: "zimbra" }, "zimbraMailStatus: enabled\nzimbraMailCatchAllAddress: @kontor.example"],
    ["active-directory", { preset: "active-directory" }, "objectClass: user\nproxyAddresses: smtp:@kontor.example"],
    ["qmail-ldap", { preset: "qmail-ldap" }, "objectClass: qmailUser\nmailAlternateAddress: CatchAll@kontor.example"],
    ["domino", { preset: "domino" }, "objectClass: dominoPerson\nmail: @kontor.example"],
    ["generic", { preset: "generic", attributes: ["mail", "other"] }, "mail: a@x.example\nother: *@kontor.example"],
  ])("counts a catch-all address of %s as one", async (preset, settings, lines) => {
    await put(person("a!", ...lines.split("\n")));
    const { skipped, keys } = await readAll(read(settings));
    expect(skipped["catch-all"]).toBe(1);
    expect([...keys].filter((key) => key.startsWith("@"))).toEqual([]);
    expect(keys.has("catchall@kontor.example" as never)).toBe(preset === "qmail-ldap");
  });

  it("does not take a foreign domain's catch-all address for one of ours", async () => {
    await put(person("a", "mail: @elsewhere.example"));
    expect((await readAll(read({}))).skipped).toEqual({ "foreign domain": 1 });
  });

  it("compares DNs below a base as DNs", async () => {
    const entry = (dn: string, user: string): string => `dn: ${dn}\nmail: ${user}@kontor.example\n\n`;
    await put(
      entry("cn=a,ou=B\\C3\\BCro\\2C Nord,o=Kontor", "a") +
        `dn:: ${Buffer.from("CN=b , OU = büro\\, nord,O=KONTOR").toString("base64")}\nmail: b@kontor.example\n\n` +
        entry('2.5.4.3=c;2.5.4.11="B\\C3\\BCro, Nord";o=Kontor', "c") +
        entry("cn=d,ou=Nord,o=Kontor", "d") +
        entry("cn=e\\,ou=B\\C3\\BCro\\2C Nord,o=Kontor", "e"),
    );
    const { keys } = await readAll(read({ base: "ou=Büro\\, Nord, o=Kontor" }));
    expect([...keys]).toEqual(["a@kontor.example", "b@kontor.example", "c@kontor.example"]);
  });

  it("asks for values by their octets, as over LDAP", async () => {
    await put(
      person("a", "mail: a@kontor.example", "ou: Vertrieb") +
        person("b", "mail: b@kontor.example", `ou:: ${Buffer.from("Geschäftsleitung").toString("base64")}`),
    );
    const filter = "(|(ou=Vertrieb)\n  (ou=Gesch\\c3\\a4ftsleitung)\n)\n";
    expect([...(await readAll(read({ filter }))).keys]).toEqual(["a@kontor.example", "b@kontor.example"]);
    const rest = await readAll(read({ filter: "(!(ou=Gesch\\c3\\a4ftsleitung))" }));
    expect([...rest.keys]).toEqual(["a@kontor.example"]);
  });

  it.each(["mail;lang-de", "mail, proxyAddresses", "0.9.2342.19200300.100.1.3", "", "ma il"])(
    "has no attribute %j",
    (name) => {
      expect(() => read({ attributes: [name] })).toThrow(
        /must be (?:one name of letters, digits and hyphens|the name of)/,
      );
      expect(() => read({ resource_classes: [name] })).toThrow(/must be one name of letters, digits and hyphens/);
    },
  );

  it("speaks only for the domains of its section", async () => {
    await put(
      person("a", "mail: a@kontor.example", "mail: a@werk.example", "mail: a@kontor.test", "mail: a@x.tochter.example"),
    );
    const { createDomains } = await import("../../src/mail/domains.ts");
    const domains = createDomains(["kontor.example", "werk.example", ".tochter.example"], {
      "kontor.test": "kontor.example",
    });
    const of = async (names: string[]): Promise<string[]> => {
      const limited = source({ type: "ldif", url: ["export.ldif"], domains: names }, domains, folder);
      return [...(await readAll(limited)).keys, ...limited.domains];
    };
    expect(await of([])).toEqual(["a@kontor.example", "a@werk.example", "a@x.tochter.example"]);
    expect(await of(["werk.example"])).toEqual(["a@werk.example", "werk.example"]);
    expect(await of(["Kontor.Test"])).toEqual(["a@kontor.example", "kontor.example"]);
    expect(await of([".tochter.example"])).toEqual(["a@x.tochter.example", ".tochter.example"]);
  });
});
