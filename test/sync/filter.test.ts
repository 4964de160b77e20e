/** Filters: the grammar, and the same answers from a real slapd by our encoder, from ldapsearch, and from the evaluator. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Entry } from "../../sync/entry.ts";
import { connectFirst } from "../../sync/sources/ldap.ts";
import { attributesOf, escapeFilterValue, parseFilter } from "../../sync/sources/filter.ts";
import { encodeFilter } from "../../sync/sources/filter-encoder.ts";
import { compileFilter } from "../../sync/sources/filter-evaluator.ts";
import { parseTarget } from "../../sync/sources/dial.ts";
import type { LdapConnection } from "../../sync/sources/ldap-connection.ts";
import { parseLdif } from "../../sync/sources/ldif-parser.ts";
import { searchRequest } from "../../sync/sources/paged-search.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { source, sourceSettings } from "./reading.ts";

const run = promisify(execFile);

describe("a search filter", () => {
  const grammar = [
    "(cn=Babs Jensen)",
    "(!(cn=Tim Howes))",
    "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
    "(o=univ*of*mich*)",
    "(seeAlso=)",
    "(cn:caseExactMatch:=Fred Flintstone)",
    "(cn:=Betty Rubble)",
    "(sn:dn:2.4.6.8.10:=Barney Rubble)",
    "(o:dn:=Ace Industry)",
    "(:1.2.3:=Wilma Flintstone)",
    "(:DN:2.4.6.8.10:=Dino)",
    "(o=Parens R Us \\28for all your parenthetical needs\\29)",
    "(filename=C:\\5cMyFile)",
    "(bin=\\00\\00\\00\\04)",
    "(sn=Lu\\c4\\8di\\c4\\87)",
    "(1.3.6.1.4.1.1466.0=\\04\\02\\48\\69)",
    "(&)",
    "(|)",
    "(userCertificate;binary=*)",
    "(mail;lang-de=*)",
    "(0.9.2342.19200300.100.1.3=*)",
    "(a~=b)",
    "(a>=1)",
    "(a<=1)",
    "(a=b=c:=d)",
    "(cn=München)",
  ];
  it.each(grammar)("reads %s", (text) => {
    expect(() => encodeFilter(parseFilter(text))).not.toThrow();
  });

  it.each([
    ["(mail:bert@x)", 'has no "="'],
    ["(&(mail=*)(cn=a)", 'character 1: this "(" is never closed'],
    ["(mail=a**b)", "two asterisks"],
    ["(mail=**)", "two asterisks"],
    ["(::=x)", "not an extensible match"],
    ["(:=x)", "not an extensible match"],
    ["(:dn:=x)", "not an extensible match"],
    ["(cn:dn:1.2.3:x:=y)", "not an extensible match"],
    ["(cn:a b:=y)", "not an extensible match"],
    ["", "a filter is missing"],
    ["mail=*", 'begins with "("'],
    ["(mail=*) x", "nothing may follow"],
    ["(mail=*))", "nothing may follow"],
    ["(=x)", "not an attribute name"],
    ["(ma il=x)", "not an attribute name"],
    ["(mail;=x)", "not an attribute name"],
    ["(1.02=x)", "not an attribute name"],
    ["(mail=(x))", "written \\28"],
    ["(mail=\\zz)", "backslash"],
    ["(mail=a\\4)", "backslash"],
    ["(uid>=a*)", "asterisk"],
    ["(cn:=a*)", "asterisk"],
    ["(!)", "exactly one"],
    ["(!(a=b)(c=d))", "exactly one"],
    ["(&(a=b)c=d)", '")" is missing here'],
    ["(&mail=*)", '")" is missing here'],
    ["()", 'has no "="'],
    [`${"(!".repeat(200)}(a=b)${")".repeat(200)}`, "more than 100"],
  ])("refuses %s and says where", (text, why) => {
    expect(() => parseFilter(text)).toThrow(RangeError);
    expect(() => parseFilter(text)).toThrow(why);
    expect(() => source({ filter: text === "" ? " " : text })).toThrow(RangeError);
  });

  it("may stand on several lines", () => {
    const text = "\n(&\n  (mail=*\n  )\n\t(|\r\n    (ou=Vertrieb)\r\n    (ou=\r\n      Lager)\r\n  )\n)\n";
    expect(encodeFilter(parseFilter(text))).toEqual(encodeFilter(parseFilter("(&(mail=*)(|(ou=Vertrieb)(ou=Lager)))")));
  });

  it("is encoded as RFC 4511 has it", () => {
    const hex = (text: string): string => encodeFilter(parseFilter(text)).toString("hex");
    expect(hex("(&)")).toBe("a000");
    expect(hex("(cn=\\c3\\a4)")).toBe("a3080402636e0402c3a4");
    expect(hex("(cn;x-a=*)")).toBe("8706636e3b782d61");
    expect(hex("(cn=a*b*c)")).toBe("a40f0402636e3009800161810162820163");
    expect(hex("(cn:dn:2.4:=x)")).toBe("a90f8103322e348202636e8301788401ff");
    expect(
      encodeFilter(parseFilter(`(cn=${"x".repeat(70_000)})`))
        .subarray(0, 5)
        .toString("hex"),
    ).toBe("a383011179");
  });

  it("never takes a value for anything else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(parseFilter(`(mail=${escapeFilterValue(text)})`)).toEqual({
          kind: "equal",
          attribute: "mail",
          value: Buffer.from(text),
        });
      }),
    );
  });

  it("is read or refused with a RangeError whatever it is", () => {
    const piece = fc.constantFrom(
      "(",
      ")",
      "&",
      "|",
      "!",
      "=",
      "*",
      ":",
      "a",
      "dn",
      "\\",
      "28",
      ";",
      "~",
      ">",
      " ",
      "\n",
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 20 }).map((all) => all.join("")),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          encodeFilter(parseFilter(input));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("names the attributes that it asks about", () => {
    expect(attributesOf(parseFilter("(&(a=1)(|(b;x=*)(!(c:dn:=x)))(d=e*))"))).toEqual(["a", "b;x", "c", "d"]);
    expect(attributesOf(parseFilter("(|(a=1)(:caseExactMatch:=x))"))).toBeUndefined();
  });
});

describe("a filter over an entry of a file", () => {
  const entry = (attributes: Record<string, string[]>, dn = "cn=x,o=k"): Entry => ({
    dn,
    attributes: new Map(Object.entries(attributes)),
  });
  const passes = (filter: string, of: Entry): boolean => compileFilter(parseFilter(filter))(of);

  it("knows Active Directory's bits and class names", () => {
    const disabled = entry({
      useraccountcontrol: ["514"],
      objectcategory: ["CN=Person,CN=Schema,CN=Configuration,DC=corp,DC=example"],
    });
    expect(passes("(userAccountControl:1.2.840.113556.1.4.803:=2)", disabled)).toBe(true);
    expect(passes("(userAccountControl:1.2.840.113556.1.4.803:=3)", disabled)).toBe(false);
    expect(passes("(userAccountControl:1.2.840.113556.1.4.804:=3)", disabled)).toBe(true);
    expect(passes("(objectCategory=person)", disabled)).toBe(true);
    expect(passes("(objectCategory=group)", disabled)).toBe(false);
  });

  it("compares DNs as DNs", () => {
    const group = entry({ memberof: ["CN=Vertrieb\\, Nord,OU=Gruppen,O=Kontor"] });
    expect(passes("(memberOf=cn=vertrieb\\5c2c nord, ou=Gruppen, o=kontor)", group)).toBe(true);
  });

  it.each(["(1.2.3.4.5=*)", "(cn:1.2.840.113556.1.4.1941:=x)", "(cn:caseIgnoreSubstringsMatch:=x)"])(
    "leaves %s to a server, and says so",
    (filter) => {
      expect(() => source({ type: "ldif", url: ["x.ldif"], filter })).toThrow(
        /source "test": filter: the (name|match)/,
      );
    },
  );
});

const text64 = (value: string): string => `: ${Buffer.from(value).toString("base64")}`;
const words = [
  "Vertrieb",
  "vertrieb  nord",
  "Geschäftsleitung",
  "GELÖSCHTE",
  "a*b(c)\\d",
  "Lager, Süd",
  "x y",
  "1",
  "日本",
];

/** People with values of many kinds; the DN of each is its number. */
const ldif = [
  "dn: o=Kontor\nobjectClass: organization\no: Kontor\n",
  ...Array.from({ length: 40 }, (_, i) => {
    const word = (n: number): string => words[(i * 7 + n * 3) % words.length] ?? "";
    return [
      `dn: uid=u${i},o=Kontor`,
      "objectClass: inetOrgPerson",
      `uid: u${i}`,
      `cn:${text64(word(1))}`,
      "sn: S",
      ...(i % 3 === 0 ? [] : [`ou:${text64(word(2))}`, `description:${text64(`${word(3)} ${word(2)}`)}`]),
      ...(i % 4 === 0 ? [`description;lang-de:${text64(word(4))}`] : []),
      ...(i % 5 === 0 ? [] : [`mail: u${i}@kontor.example`]),
      ...(i % 6 === 0 ? [`employeeType: Typ ${i % 4}`, "manager: uid=u1, O=Kontor"] : []),
      "",
    ].join("\n");
  }),
].join("\n");

const attribute = fc.constantFrom(
  "cn",
  "CN",
  "2.5.4.3",
  "ou",
  "description",
  "description;lang-de",
  "employeeType",
  "sn",
  "organizationalUnitName",
);
const value = fc.oneof(
  fc.constantFrom(...words, ...words.map((word) => word.toUpperCase()), "u1", "S", "Typ 2", "none"),
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 3 }).filter((text) => text.trim() !== ""),
);
const escaped = value.map(escapeFilterValue);
const fragment = fc
  .tuple(fc.constantFrom(...words), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 4 }))
  .map(([word, start, length]) => escapeFilterValue(word.slice(start, start + length).trim() || "e"));
const item = fc.oneof(
  fc.tuple(attribute, escaped).map(([name, text]) => `(${name}=${text})`),
  attribute.map((name) => `(${name}=*)`),
  fc.tuple(attribute, fragment, fragment).map(([name, one, two]) => `(${name}=${one}*${two})`),
  fc.tuple(attribute, fragment).map(([name, one]) => `(${name}=*${one}*)`),
  fc.tuple(attribute, fragment, fragment).map(([name, one, two]) => `(${name}=*${one}*${two})`),
  fc.tuple(fc.constantFrom("cn", "ou"), escaped).map(([name, text]) => `(${name}:caseExactMatch:=${text})`),
  fc.tuple(fc.constantFrom("uid:dn:", "o:dn:", "cn:dn:2.5.13.2:"), escaped).map(([name, text]) => `(${name}=${text})`),
  fc.constantFrom("(&)", "(|)", "(objectClass=person)", "(objectClass=top)", "(objectClass=organization)"),
  fc.constantFrom("(manager=UID=u1,o=kontor)", "(0.9.2342.19200300.100.1.3=*)", "(rfc822Mailbox=u7@KONTOR.example)"),
);
const filters = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    item,
    fc.array(tie("filter"), { maxLength: 3 }).map((all) => `(&${all.join("")})`),
    fc.array(tie("filter"), { maxLength: 3 }).map((all) => `(|${all.join("")})`),
    tie("filter").map((one) => `(!${one})`),
  ),
})).filter;

describe.skipIf(missing("slapd") || missing("ldapsearch"))("filters and a real slapd", { timeout: 120_000 }, () => {
  let slapd: Slapd;
  let connection: LdapConnection;
  let entries: Entry[];

  beforeAll(async () => {
    slapd = await startSlapd({ suffix: "o=Kontor", schemas: ["core", "cosine", "inetorgperson"], ldif });
    const settings = sourceSettings({ url: [slapd.ldap] });
    connection = await connectFirst([parseTarget(slapd.ldap)], settings, "/", AbortSignal.timeout(110_000));
    entries = await Array.fromAsync(parseLdif(`${ldif}\n`, "kontor.ldif"));
  });
  afterAll(async () => {
    connection?.close();
    await slapd?.stop();
  });

  async function fromServer(filter: string): Promise<string[]> {
    const names: string[] = [];
    const query = { base: "o=Kontor", scope: "sub", filter, attributes: ["1.1"], controls: [] } as const;
    const search = connection.search(searchRequest(query));
    for (;;) {
      const step = await search.next();
      if (step.done === true) {
        expect(step.value.status).toBe(0);
        return names.toSorted();
      }
      names.push(...step.value.map(({ name }) => name));
    }
  }
  async function fromLdapsearch(filter: string): Promise<string[]> {
    const { stdout } = await run("ldapsearch", [
      "-xLLL",
      "-o",
      "ldif-wrap=no",
      "-H",
      slapd.ldap,
      "-b",
      "o=Kontor",
      filter,
      "1.1",
    ]);
    return [...stdout.matchAll(/^dn: (.*)$/gm)].map(([, dn]) => dn ?? "").toSorted();
  }
  const fromFile = (filter: string): string[] =>
    entries
      .filter(compileFilter(parseFilter(filter)))
      .map(({ dn }) => dn)
      .toSorted();

  it("gives the entries that ldapsearch gives, from the server and from a file", async () => {
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        const [server, tool] = await Promise.all([fromServer(filter), fromLdapsearch(filter)]);
        expect(server).toEqual(tool);
        expect(fromFile(filter)).toEqual(server);
      }),
      { numRuns: 80 },
    );
  });

  it("finds the entries of each word by its octets", async () => {
    for (const word of words) {
      const octets = Buffer.from(word).reduce((sum, one) => `${sum}\\${one.toString(16).padStart(2, "0")}`, "");
      const found = await fromServer(`(cn=${octets})`);
      expect(found.length).toBeGreaterThan(0);
      expect(fromFile(`(cn=${octets})`)).toEqual(found);
      expect(await fromServer(`(!(cn=${octets}))`)).toHaveLength(41 - found.length);
    }
  });

  it("refuses what ldapsearch refuses", async () => {
    const piece = fc.constantFrom(
      "(",
      ")",
      "&",
      "|",
      "!",
      "cn",
      "=",
      "x",
      "*",
      ":dn",
      ":=",
      ";",
      "\\",
      "c3",
      ":2.5.13.2",
      ">=",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
        const filter = `(cn=a)${pieces.join("")}`.slice(6);
        const refused = await fromLdapsearch(filter).then(
          () => false,
          (error: { stderr: string }) => /Bad search filter/.test(error.stderr),
        );
        if (refused) {
          expect(() => parseFilter(filter)).toThrow(RangeError);
        }
      }),
      { numRuns: 50 },
    );
  });
});
