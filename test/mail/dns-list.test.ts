/** Names of DNS lists: reversed octets and nibbles, and how sources are written. */
import { SocketAddress } from "node:net";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { listName, parseSource, readCode } from "../../src/dns/lists.ts";

/** The address that a list name stands for, read back by other means than it was made. */
function addressOf(name: string, zone: string): string {
  const labels = name
    .slice(0, -zone.length - 1)
    .split(".")
    .reverse();
  if (labels.length === 4) {
    return labels.join(".");
  }
  const groups = labels.join("").match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address;
}

describe("listName", () => {
  it("reverses the octets of an IPv4 address, also of one mapped into IPv6", () => {
    expect(listName("192.0.2.99", "list.test")).toBe("99.2.0.192.list.test");
    expect(listName("::FFFF:192.0.2.99", "list.test")).toBe("99.2.0.192.list.test");
  });

  it("reverses the nibbles of an IPv6 address, as in RFC 5782 2.4", () => {
    expect(listName("2001:db8:1:2:3:4:567:89ab", "ugly.example.com")).toBe(
      "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com",
    );
    expect(listName("::1", "z")).toBe(`1.${"0.".repeat(31)}z`);
    expect(listName("fe80::1%eth0", "z")).toBe(`1.${"0.".repeat(28)}8.e.f.z`);
    expect(listName("64:ff9b::192.0.2.33", "z")).toBe(listName("64:ff9b::c000:221", "z"));
  });

  it("has no name for what is no address", () => {
    for (const text of ["", "unknown", "1.2.3", "1.2.3.4.5", "::g", "1.2.3.4/32"]) {
      expect(listName(text, "z")).toBeUndefined();
    }
  });

  it("can be read back to every address", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
        const family = address.includes(":") ? "ipv6" : "ipv4";
        const name = listName(address, "zone.test") ?? "";
        expect(addressOf(name, "zone.test")).toBe(mapped ?? new SocketAddress({ address, family }).address);
        expect(name.length).toBeLessThanOrEqual(64 + "zone.test".length);
      }),
    );
  });
});

describe("parseSource", () => {
  it("reads blocking lists with and without a message, and clearing lists", () => {
    expect(parseSource("r:Zen.Example.")).toEqual({ kind: "block", zone: "zen.example", message: undefined });
    expect(parseSource("r:zen.example:See http://x.example/?ip=%IP%")).toEqual({
      kind: "block",
      zone: "zen.example",
      message: "See http://x.example/?ip=%IP%",
    });
    expect(parseSource("a:allow.example")).toEqual({ kind: "allow", zone: "allow.example" });
  });

  it("refuses anything else", () => {
    const long = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(10)}`;
    for (const text of [
      "",
      "zen.example",
      "x:zen.example",
      "r:",
      "r:zen.example:",
      "a:zen.example:text",
      "r:a..b",
      `r:${long}`,
    ]) {
      expect(parseSource(text)).toBeUndefined();
    }
  });

  it("never throws on any text, and names every zone so that it can be asked", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((zone) => `r:${zone}`),
        ),
        (text) => {
          const source = parseSource(text);
          expect(source === undefined || (listName("::1", source.zone)?.length ?? 999) <= 253).toBe(true);
        },
      ),
    );
  });
});

describe("readCode", () => {
  it("takes answers within 127.0.0.0/8 as listings, but not refused queries and foreign addresses", () => {
    expect(["127.0.0.2", "127.0.0.11", "127.1.2.3"].map(readCode)).toEqual(["listed", "listed", "listed"]);
    expect(["127.255.255.254", "127.255.255.255", "192.0.2.1", "0.0.0.0"].map(readCode)).toEqual(
      Array.from({ length: 4 }, () => "unusable"),
    );
  });
});
