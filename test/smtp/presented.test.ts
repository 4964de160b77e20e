/** XCLIENT, attribute by attribute. What nginx and others send is in xclient.test.ts. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseXclient } from "../../src/smtp/session/presented.ts";

const read = (argument: string, login = false): unknown => {
  const presented = parseXclient(argument, {}, login);
  return "reply" in presented ? presented.reply?.code : presented;
};

describe("XCLIENT", () => {
  it.each([
    ["ADDR=192.0.2.9 PORT=4711", { ip: "192.0.2.9", port: 4711 }],
    ["addr=IPV6:2001:DB8::9", { ip: "2001:db8::9" }],
    ["ADDR=IPV6:::ffff:192.0.2.9", { ip: "192.0.2.9" }],
    ["ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]", { ip: "0.0.0.0", port: 0 }],
    ["NAME=[TEMPUNAVAIL]", { host: "" }],
    ["NAME=Mail.Sender.Example", { host: "mail.sender.example" }],
    ["PROTO=esmtp HELO=a+20b", { protocol: "ESMTP", helo: "a b" }],
    ["DESTADDR=198.51.100.1 DESTPORT=25", { localIp: "198.51.100.1", localPort: 25 }],
    ["LOGIN=[UNAVAILABLE]", { login: "" }],
  ])("reads %s", (argument, presented) => {
    expect(read(argument)).toEqual(presented);
  });

  it.each([
    "",
    "ADDR",
    "ADDR=",
    "ADDR=2001:db8::9",
    "ADDR=192.0.2.256",
    "ADDR=192.0.2.09",
    "ADDR=IPV6:fe80::1%eth0",
    "ADDR=IPV6:192.0.2.9",
    "ADDR=[192.0.2.9]",
    "PORT=65536",
    "PORT=-1",
    "PROTO=LMTP",
    "NAME=a_b+0D+0Ac",
    "NAME=[192.0.2.9]",
    "HELO=a+0D+0Ab",
    "HELO=a+0db",
    "constructor=x",
    "__proto__=x",
    `HELO=${"x".repeat(256)}`,
    `NAME=a.example ${"PORT=25 ".repeat(70)}`,
    "LOGIN=anna",
  ])("refuses %j with 501", (argument) => {
    expect(read(argument)).toBe(501);
  });

  it("reads LOGIN only where it is believed", () => {
    expect(read("LOGIN=anna+40kontor.example", true)).toEqual({ login: "anna@kontor.example" });
    expect(read("LOGIN=m+C3+BCller", true)).toEqual({ login: "müller" });
    expect(read("LOGIN=m+FCller", true)).toBe(501);
    expect(read("LOGIN=a+00b", true)).toBe(501);
  });

  it("throws at nothing", () => {
    fc.assert(fc.property(fc.string({ maxLength: 600 }), (text) => void parseXclient(text, {}, true)));
  });
});
