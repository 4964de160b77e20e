import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { foldDn, isBelow, type NamePart, parseDn } from "../../sync/convert/distinguished-name.ts";

describe("a DN", () => {
  it.each([
    ["CN=Jürgen Müller,O=Kontor", "cn=J\\C3\\BCrgen  m\\c3\\bcller , o=KONTOR"],
    ["cn=Becker\\, Jan,o=k", "CN=Becker\\2C Jan, O=K"],
    ["cn=Becker\\, Jan,o=k", 'cn="Becker, Jan";o="k"'],
    ["cn=a+uid=b,o=k", "UID=b + CN=a,o=k"],
    ["2.5.4.3=a,0.9.2342.19200300.100.1.25=example", "cn=a,dc=example"],
    ["OID.2.5.4.3=a", "commonName=a"],
    ["cn=#0c0361c3a4", "cn=aä"],
    ["cn=\\ a\\ ,o=k", "cn=a,o=k"],
    ["cn=a\\\\41,o=k", 'cn="a\\\\41",o=k'],
    ["cn=a\\=b\\+c,o=k", "cn=a\\3Db\\2bc,o=k"],
    ["cn=,o=k", "cn=, o=k"],
    ["", "  "],
  ])("%s is %s", (one, other) => {
    expect(foldDn(one)).toBe(foldDn(other));
  });

  it.each([
    ["cn=a,o=k", "cn=b,o=k"],
    ["cn=a\\,o=k", "cn=a,o=k"],
    ["cn=a+o=k", "cn=a,o=k"],
    ["cn=a\\2bo\\3dk", "cn=a+o=k"],
  ])("%s is not %s", (one, other) => {
    expect(foldDn(one)).not.toBe(foldDn(other));
  });

  it("is below its own ancestors alone", () => {
    const below = (dn: string, base: string): boolean => isBelow(foldDn(dn), foldDn(base));
    expect(below("cn=a,OU=B\\C3\\BCro,o=k", "ou=büro, o=k")).toBe(true);
    expect(below("o=k", "o=k")).toBe(true);
    expect(below("cn=a", "")).toBe(true);
    expect(below("cn=a\\,o=k", "o=k")).toBe(false);
    expect(below("cn=a,xo=k", "o=k")).toBe(false);
  });

  it("is the same however a value is escaped", () => {
    const value = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== "");
    const escapes = [
      (text: string): string =>
        Buffer.from(text).reduce((sum, octet) => `${sum}\\${octet.toString(16).padStart(2, "0")}`, ""),
      (text: string): string => text.replace(/[,;+"\\<>=# ]/g, "\\$&"),
      (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`,
    ];
    fc.assert(
      fc.property(value, fc.nat({ max: 2 }), fc.nat({ max: 2 }), (text, one, other) => {
        const write = (index: number): string => `cn=${escapes[index]?.(text) ?? ""},o=k`;
        expect(foldDn(write(one))).toBe(foldDn(write(other)));
        expect(parseDn(write(one))?.map((level) => level.map(({ type }) => type))).toEqual([["cn"], ["o"]]);
      }),
    );
  });

  it("is folded level by level, whatever was folded before", () => {
    // One level, in quotes: nothing of it is remembered.
    const folded = ({ type, value }: NamePart): string => foldDn(`${type}="${value.replace(/["\\]/g, "\\$&")}"`);
    const asText = (text: string): string =>
      text
        .trim()
        .replace(/\s*([,=])\s*/g, "$1")
        .toLowerCase();
    const pieces = ["cn=", "ou=x", "a", "B", " ", "=", "#", "+", "\\", ",", ";", '"', "ü", "\\,"];
    const piece = fc.array(fc.constantFrom(...pieces), { maxLength: 5 }).map((parts) => parts.join(""));
    const levels = fc.array(fc.oneof(piece, fc.constantFrom("cn=a", "o=k", "ou=a\\, b")), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(levels, piece, (all, other) => {
        const dn = all.join(",");
        const expected = parseDn(dn)
          ?.map((parts) => parts.map(folded).toSorted().join("+"))
          .join(",");
        foldDn([other, ...all.slice(1)].join(","));
        expect(foldDn(dn)).toBe(expected ?? asText(dn));
      }),
      { numRuns: 2000 },
    );
  });

  it("is compared as a text where it is none, and never throws", () => {
    expect(foldDn("  Kontor , X ")).toBe("kontor,x");
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(foldDn(text)).toBeTypeOf("string");
      }),
    );
  });
});
