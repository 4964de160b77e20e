/** One normal form for both sides of the snapshot. Properties of the parser are in test/fuzz. */
import { describe, expect, it } from "vitest";

import {
  foldAscii,
  namesRoute,
  normalDomain,
  normalKey,
  parseMailbox,
  withoutExtension,
} from "../../src/mail/address.ts";

describe("parseMailbox", () => {
  it.each([
    ["user@kontor.example", "user", "kontor.example"],
    ["User@KONTOR.Example.", "User", "kontor.example"],
    ['"user"@kontor.example', "user", "kontor.example"],
    ['"a b"@kontor.example', "a b", "kontor.example"],
    ['"a\\"b\\\\c"@kontor.example', 'a"b\\c', "kontor.example"],
    ['"a@b"@kontor.example', "a@b", "kontor.example"],
    ["o'neil+list/x=y@kontor.example", "o'neil+list/x=y", "kontor.example"],
    ["a..b.@kontor.example", "a..b.", "kontor.example"],
    ["postmaster", "postmaster", ""],
    ["a@münchen.example", "a", "xn--mnchen-3ya.example"],
    ["a@XN--MNCHEN-3YA.example", "a", "xn--mnchen-3ya.example"],
    ["a@kontor。example", "a", "kontor.example"],
    ["a@[192.0.2.1]", "a", "[192.0.2.1]"],
    ["a@[192.000.002.255]", "a", "[192.000.002.255]"],
    ["a@[IPv6:::FFFF:192.0.2.1]", "a", "[ipv6:::ffff:192.0.2.1]"],
    ['""@kontor.example', "", "kontor.example"],
    ["a@[IPv6:2001:DB8::1]", "a", "[ipv6:2001:db8::1]"],
  ])("reads %s", (text, user, domain) => {
    expect(parseMailbox(text)).toEqual({ raw: text, user, domain });
  });

  it.each([
    "",
    "@kontor.example",
    "a@",
    '""',
    '"a@kontor.example',
    'a"b@kontor.example',
    "a b@kontor.example",
    "a@b@kontor.example",
    "a@kontor..example",
    "a@.kontor.example",
    "a@kontor.example..",
    "a@-kontor.example",
    "a@kontor_.-.example",
    "a@kontor example",
    "a@kontor.example\n",
    "\u212aarl@kontor.example",
    "ä@kontor.example",
    "a@[192.0.2]",
    "a@[x]",
    "a@[999.999.999.999]",
    "a@[192.0.2.256]",
    "a@[IPv6:2001:db8::1::2]",
    "a@[IPv6:1:2:3]",
    "a@[IPv6:::ffff:999.0.2.1]",
    `${"a".repeat(250)}@b.example`,
    `a@${"b".repeat(64)}.example`,
  ])("refuses %j", (text) => {
    expect(parseMailbox(text)).toBeUndefined();
  });

  it("takes user parts of more than 64 octets: forwarders make them", () => {
    expect(parseMailbox(`${"a".repeat(200)}@kontor.example`)?.user).toHaveLength(200);
  });
});

describe("the normal form", () => {
  it("folds A to Z and nothing else", () => {
    expect(foldAscii("AZaz\u212a\u0130Ä")).toBe("azaz\u212a\u0130Ä");
    expect(normalDomain("\u212aontor.example")).toBe("kontor.example");
    expect(normalDomain("xn--a-ecp.example")).toBe("xn--a-ecp.example");
    expect(normalDomain("")).toBeUndefined();
    expect(normalDomain(".")).toBeUndefined();
  });

  it("is one key for all spellings", () => {
    const spellings = ["Vera@KONTOR.example", '"vera"@kontor.example.', '"\\vera"@Kontor.Example'];
    const keys = spellings.map((text) => {
      const { user = "", domain = "" } = parseMailbox(text) ?? {};
      return normalKey(user, domain);
    });
    expect(new Set(keys)).toEqual(new Set(["vera@kontor.example"]));
    expect(normalKey("VYildiz", "")).toBe("vyildiz");
    // "@kontor.example" means everybody there.
    expect(normalKey("", "kontor.example")).toBe('""@kontor.example');
  });

  it("leaves out an extension, but never the whole user part", () => {
    expect(withoutExtension("user+list+x", "+")).toEqual(["user+list", "user"]);
    expect(withoutExtension("anna-lena+news", "+-")).toEqual(["anna-lena", "anna"]);
    expect(withoutExtension("anna-lena+news", "-")).toEqual(["anna"]);
    expect(withoutExtension("user--x", "-")).toEqual(["user-", "user"]);
    expect(withoutExtension("user+", "+")).toEqual(["user"]);
    expect(withoutExtension("+list", "+")).toEqual([]);
    expect(withoutExtension("user", "+")).toEqual([]);
    expect(withoutExtension("user+list", "")).toEqual([]);
  });
});

describe("namesRoute", () => {
  it("sees a further route in a user part", () => {
    for (const user of ["a%b", "b!a", "x:y", "a@b", 'a"b', "a\\b"]) {
      expect(namesRoute(user), user).toBe(true);
    }
    expect(namesRoute("o'neil+list/x=y.z#{|}~^`?*&$-_")).toBe(false);
  });
});
