/** One normal form for both sides of the snapshot. Properties of the parser are in test/fuzz. */
import { describe, expect, it } from "vitest";

import {
  foldAscii,
  foldUser,
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
    "a\u037eb\u1fefc@kontor.example",
    "j\u0085rgen@kontor.example",
    "j\u00a0rgen@kontor.example",
    "j\u2028rgen@kontor.example",
    "j\u202ergen@kontor.example",
    "j\ud800rgen@kontor.example",
    "j\ufffdrgen@kontor.example",
    "j\uffffrgen@kontor.example",
    "\ufeffjürgen@kontor.example",
    '"jürgen\u3000x"@kontor.example',
    "jürgen x@kontor.example",
    `${"ü".repeat(121)}a@kontor.example`,
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

  it.each([
    ["jürgen@bücher.example", "jürgen", "xn--bcher-kva.example"],
    ['"jürgen x\\"y"@kontor.example', 'jürgen x"y', "kontor.example"],
    ["用户@例え。テスト", "用户", "xn--r8jz45g.xn--zckzah"],
    ["👩\u200d💻@kontor.example", "👩\u200d💻", "kontor.example"],
    ["jürgen", "jürgen", ""],
    [`${"ü".repeat(119)}@kontor.example`, "ü".repeat(119), "kontor.example"],
  ])("reads %s, RFC 6531", (text, user, domain) => {
    expect(parseMailbox(text)).toEqual({ raw: text, user, domain });
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

  it("is that of the address at hand, whatever was read before it", () => {
    const first = parseMailbox("a@kontor.example");
    expect(first).toEqual({ raw: "a@kontor.example", user: "a", domain: "kontor.example" });
    const next = [
      "a@ontor.example",
      "a@",
      "a",
      "A@kontor.example",
      '"a"@kontor.example',
      "b@KONTOR.example",
      "a@kontor.example.",
    ];
    const read = next.map((text) => {
      parseMailbox("a@kontor.example");
      return parseMailbox(text);
    });
    expect(read.map((mailbox) => mailbox && normalKey(mailbox.user, mailbox.domain))).toEqual([
      "a@ontor.example",
      undefined,
      "a",
      "a@kontor.example",
      "a@kontor.example",
      "b@kontor.example",
      "a@kontor.example",
    ]);
    expect(read.map((mailbox) => mailbox?.domain)).toEqual([
      "ontor.example",
      undefined,
      "",
      ...Array.from({ length: 4 }, () => "kontor.example"),
    ]);
    // Keys of other lists are asked for in between.
    expect([normalKey("a", "other.example"), normalKey("a", "kontor.example")]).toEqual([
      "a@other.example",
      "a@kontor.example",
    ]);
  });

  it("is one key for all spellings of a user part in UTF-8: NFC, simple case folding", () => {
    const same = [
      ["jürgen", "JÜRGEN", "ju\u0308rgen", "JU\u0308RGEN"],
      ["straße", "STRAßE", "STRAẞE"],
      ["οδοσ", "ΟΔΟΣ", "οδος"],
      ["ǆemal", "Ǆemal", "ǅemal"],
      ["İZMİR", "i\u0307zmi\u0307r"],
      ["ṩ", "s\u0323\u0307", "s\u0307\u0323", "Ṩ"],
    ];
    for (const spellings of same) {
      const keys = spellings.map((user) => normalKey(user, "kontor.example"));
      expect(new Set(keys).size, spellings.join(" ")).toBe(1);
    }
    // An address in ASCII has no other spelling: long ſ, Turkish ı.
    expect(["ſtra\u00dfe", "strasse", "\u0131", "i"].map(foldUser)).toEqual(["ſtraße", "strasse", "\u0131", "i"]);
    // Other letters, however they look: Cyrillic а, fullwidth ａ.
    expect(new Set(["a", "\u0430", "\uff41", "\u0131", "i", "ä", "å"].map((user) => normalKey(user, ""))).size).toBe(7);
  });

  it("is the normal form of itself, whatever the letters", () => {
    const odd: string[] = [];
    // Latin, Greek, Cyrillic, Georgian and Cherokee, with their extensions.
    for (let point = 0x80; point < 0x3000; point += 1) {
      const user = `x${String.fromCodePoint(point)}\u0301${String.fromCodePoint(point + 0x8000)}Y`;
      const folded = foldUser(user);
      const forms = [folded, user.normalize("NFC"), user.normalize("NFD")].map(foldUser);
      if (forms.some((form) => form !== folded)) {
        odd.push(point.toString(16));
      }
    }
    expect(odd).toEqual([]);
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
    for (const user of ["a%b", "b!a", "x:y", "a@b", 'a"b', "a\\b", "a\uff05b", "a\uff20b", "a\ufe6bb", "a\uff1ab"]) {
      expect(namesRoute(user), user).toBe(true);
    }
    expect(namesRoute("o'neil+list/x=y.z#{|}~^`?*&$-_")).toBe(false);
  });
});

describe("a user part of signs that need no second look", () => {
  // All up to the letterlike symbols, and the fullwidth forms.
  const signs = Array.from({ length: 0x2100 + 0x200 }, (_, code) =>
    String.fromCharCode(code < 0x2100 ? code : code + 0xce00),
  );

  it("is its own normal form, and names no route", () => {
    const wrong = signs.filter((sign) => {
      const user = `a${sign}b`;
      const isRoute = /[%!:@"\\]/.test(user.normalize("NFKC"));
      const isFolded = foldUser(user) === (sign <= "\x7f" ? user.toLowerCase() : foldUser(foldUser(user)));
      return namesRoute(user) !== isRoute || !isFolded;
    });
    expect(wrong).toEqual([]);
  });
});
