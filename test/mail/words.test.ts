/** The small words of the field: domains, replies, network names, next hops, trace fields. */
import { describe, expect, it } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { formatEndpoint, normalIp, parseBlock, parseEndpoint } from "../../src/mail/network.ts";
import { parseNextHop } from "../../src/mail/next-hop.ts";
import { parseReply, printable, reply, replyText } from "../../src/mail/reply.ts";

describe("domains", () => {
  const domains = createDomains(["Kontor.Example", ".zweig.example", "münchen.example"], {
    "kontor.test": "kontor.example",
  });

  it.each([
    ["kontor.example", "kontor.example"],
    ["kontor.test", "kontor.example"],
    ["a.zweig.example", "a.zweig.example"],
    ["a.b.zweig.example", "a.b.zweig.example"],
    ["xn--mnchen-3ya.example", "xn--mnchen-3ya.example"],
    ["zweig.example", undefined],
    ["xzweig.example", undefined],
    ["sub.kontor.example", undefined],
    ["kontor.example.foreign.example", undefined],
    ["", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
  ])("%s is %s", (domain, canonical) => {
    expect(domains.canonical(domain)).toBe(canonical);
  });

  it("refuse what cannot be", () => {
    expect(() => createDomains(["a b"])).toThrow(RangeError);
    expect(() => createDomains(["kontor.example"], { "x.example": "foreign.example" })).toThrow("not a relay domain");
    expect(domains.relay).toEqual(["kontor.example", "xn--mnchen-3ya.example", ".zweig.example"]);
  });
});

describe("replies", () => {
  it("carry the enhanced code on each line", () => {
    expect(reply(550, "5.1.1", "one", "two").wire).toBe("550-5.1.1 one\r\n550 5.1.1 two\r\n");
    expect(reply(220, "", "mx ESMTP").wire).toBe("220 mx ESMTP\r\n");
  });

  it("are printable and bounded, whatever a stranger or a program put into them", () => {
    expect(reply(550, "5.1.1", "a\r\n250 ok").wire).toBe("550 5.1.1 a??250 ok\r\n");
    expect(printable("\x1b\x7f\xe4\u2028x")).toBe("????x");
    expect(printable("y".repeat(600))).toHaveLength(500);
  });

  it("are read from text that begins with a code", () => {
    expect(parseReply("450 4.7.1 later")).toEqual({ code: 450, wire: "450 4.7.1 later\r\n" });
    expect(parseReply("550-more")?.wire).toBe("550 more\r\n");
    expect(parseReply("550")?.code).toBe(550);
    for (const text of ["", "55", "5500 x", "150 x", "650 x", "999 x", "550x", " 550 x", "five"]) {
      expect(parseReply(text), text).toBeUndefined();
    }
  });

  it("are one line for a log", () => {
    expect(replyText(reply(250, "2.0.0", "a", "b"))).toBe("250-2.0.0 a / 250 2.0.0 b");
  });
});

describe("network words", () => {
  it("are one text an address", () => {
    expect(normalIp("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(normalIp("::FFFF:192.0.2.1")).toBe("192.0.2.1");
    expect(normalIp("2001:DB8::1")).toBe("2001:db8::1");
    expect(normalIp("::ffff:zz")).toBe("::ffff:zz");
  });

  it.each([
    ["host.example:25", { host: "host.example", port: 25 }],
    ["host.example", { host: "host.example", port: 2525 }],
    ["[2001:db8::1]:26", { host: "2001:db8::1", port: 26 }],
    ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
    ["2001:db8::1", undefined],
    ["[host]:1", undefined],
    ["host:65536", undefined],
    ["host:", undefined],
    [":25", undefined],
    ["", undefined],
  ])("%s is %j", (text, endpoint) => {
    expect(parseEndpoint(text, 2525)).toEqual(endpoint);
    if (endpoint !== undefined) {
      expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint);
    }
  });

  it("test blocks", () => {
    expect(parseBlock("10.0.0.0/8")?.("10.255.0.1")).toBe(true);
    expect(parseBlock("10.0.0.0/8")?.("11.0.0.1")).toBe(false);
    expect(parseBlock("2001:db8::/32")?.("2001:db8::9")).toBe(true);
    expect(parseBlock("2001:db8::/32")?.("10.0.0.1")).toBe(false);
    expect(parseBlock("0.0.0.0/0")?.("::1")).toBe(false);
    for (const text of ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129", ""]) {
      expect(parseBlock(text), text).toBeUndefined();
    }
  });

  it("name next hops", () => {
    expect(parseNextHop("mx")).toEqual({ kind: "mx", scheme: "mx" });
    expect(parseNextHop("smtp://a.example")).toMatchObject({ scheme: "smtp", endpoint: { port: 25 } });
    expect(parseNextHop("smtps://[::1]/")).toMatchObject({ scheme: "smtps", endpoint: { host: "::1", port: 465 } });
    for (const text of ["", "a.example", "http://a.example", "smtp://a.example:0", "smtp://", "smtp://a/b", "MX"]) {
      expect(parseNextHop(text), text).toBeUndefined();
    }
  });
});
