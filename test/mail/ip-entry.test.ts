/** Entries of lists of clients: addresses, prefixes, blocks, and beginnings of addresses. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { IpEntries, parseIpEntry } from "../../src/mail/ip-entry.ts";

function entries(...texts: string[]): IpEntries<string> {
  const list = new IpEntries<string>();
  for (const text of texts) {
    const entry = parseIpEntry(text);
    if (entry === undefined) {
      throw new TypeError(`"${text}" is no entry`);
    }
    list.add(entry, text);
  }
  return list;
}
const warning = (text: string): string | undefined => parseIpEntry(text)?.warning;

describe("an entry of a list of clients", () => {
  it.each([
    ["192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.70", "192.0.2.6"]],
    ["192.0.2.", ["192.0.2.1", "192.0.2.255"], ["192.0.20.1", "192.0.3.1"]],
    ["10.", ["10.1.2.3"], ["110.1.2.3", "100.1.2.3"]],
    ["192.0.2.0/25", ["192.0.2.0", "192.0.2.127"], ["192.0.2.128"]],
    ["0.0.0.0/0", ["1.2.3.4"], ["2001:db8::1"]],
    ["192.168", ["192.168.1.1"], ["192.16.8.1", "1.192.168.1"]],
    ["10.1", ["10.1.2.3", "10.100.2.3"], ["10.2.1.1"]],
    ["2001:DB8::1", ["2001:db8::1", "2001:db8:0:0::1"], ["2001:db8::10"]],
    ["2001:db8:", ["2001:db8::1", "2001:db8:ffff::1"], ["2001:db80::1"]],
    ["2001:db8::/33", ["2001:db8:1::1"], ["2001:db8:8000::1"]],
    ["2001:db8::f", ["2001:db8::f"], ["2001:db8::f0"]],
    ["::ffff:192.0.2.0/120", ["192.0.2.9"], ["192.0.3.9"]],
  ])("%s matches the clients that it stands for, and no others", (text, match, others) => {
    const list = entries(text);
    expect(match.map((ip) => list.find(ip))).toEqual(match.map(() => text));
    expect(others.map((ip) => list.find(ip))).toEqual(others.map(() => undefined));
  });

  it("is suspicious if it is the beginning of an address as text, or has bits beyond its length", () => {
    expect(warning("192.168")).toBe(
      '"192.168" matches every address that begins with it; end it with "." to match only complete numbers',
    );
    expect(warning("2001:db")).toContain('end it with ":"');
    expect(warning("10.1.2.3/8")).toBe('bits beyond the length of "10.1.2.3/8" do not count');
    expect(["192.168.", "192.168.0.0/16", "192.168.1.1", "2001:db8:", "2001:db8::1"].map(warning)).toEqual(
      Array.from({ length: 5 }),
    );
  });

  it.each([
    "",
    ".",
    "host.example",
    "300.1",
    "1.2.3.999",
    "01.2",
    "1.2.3.4/33",
    "1.2.3.4.",
    "1.2.3.4.5",
    "fe80::1%eth0",
    "1..2",
    "g:",
  ])('"%s" is none', (text) => expect(parseIpEntry(text)).toBeUndefined());

  it("is the narrowest of those around a client, else a beginning", () => {
    const list = entries("10.", "10.1.2.3", "10.1.0.0/16", "11", "::/0");
    expect(
      ["10.1.2.3", "10.1.9.9", "10.9.9.9", "110.1.1.1", "12.1.1.1", "2001:db8::1"].map((ip) => list.find(ip)),
    ).toEqual(["10.1.2.3", "10.1.0.0/16", "10.", "11", undefined, "::/0"]);
    expect(list.size).toBe(5);
  });

  it("is one or none, whatever the text", () => {
    const piece = fc.constantFrom("1", "25", ".", ":", "/", "a", "f", "%", "::", "2001");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const entry = parseIpEntry(pieces.join(""));
        expect(entry === undefined ? "text" : typeof entry.kind).toMatch(/^(?:text|string)$/);
      }),
    );
  });
});
