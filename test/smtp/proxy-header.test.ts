/** PROXY headers, byte by byte. What haproxy itself sends is in proxy.test.ts. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readProxyHeader } from "../../src/smtp/listener/proxy-header.ts";
import type { ProxyHeader } from "../../src/smtp/listener/proxy-header.ts";

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n");

function version2(command: number, family: number, body: Buffer, length = body.length): Buffer {
  const fixed = Buffer.from([command, family, length >> 8, length & 255]);
  return Buffer.concat([signature, fixed, body]);
}

function read(text: string | Buffer): ProxyHeader {
  return readProxyHeader(typeof text === "string" ? Buffer.from(text, "latin1") : text);
}

function ends(header: ProxyHeader): string {
  return header.kind === "header"
    ? header.ends === undefined
      ? "the proxy itself"
      : `${header.ends.client.ip} ${header.ends.client.port} > ${header.ends.local.ip} ${header.ends.local.port}`
    : header.kind;
}

const ipv4 = Buffer.from([192, 0, 2, 9, 198, 51, 100, 25, 0x12, 0x67, 0, 25]);
const ipv6 = Buffer.concat([
  Buffer.from("20010db8000000000000000000000009", "hex"),
  Buffer.from("20010db8000000000000000000000025", "hex"),
  Buffer.from([0x12, 0x67, 0, 25]),
]);

describe("version 1", () => {
  it.each([
    ["PROXY TCP4 192.0.2.9 198.51.100.25 4711 25\r\n", "192.0.2.9 4711 > 198.51.100.25 25"],
    ["PROXY TCP6 2001:DB8:0::9 2001:db8::25 4711 25\r\n", "2001:db8::9 4711 > 2001:db8::25 25"],
    ["PROXY TCP6 ::ffff:192.0.2.9 ::ffff:198.51.100.25 4711 25\r\n", "192.0.2.9 4711 > 198.51.100.25 25"],
    ["PROXY UNKNOWN\r\n", "the proxy itself"],
    ["PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "the proxy itself"],
  ])("reads %j", (line, found) => {
    expect(ends(read(`${line}EHLO x\r\n`))).toBe(found);
    expect(read(`${line}EHLO x\r\n`)).toMatchObject({ length: line.length });
    for (let cut = 0; cut < line.length; cut += 1) {
      expect(read(line.slice(0, cut)).kind, line.slice(0, cut)).toBe("partial");
    }
  });

  it.each([
    "EHLO x\r\n",
    "proxy TCP4 192.0.2.9 198.51.100.25 4711 25\r\n",
    "PROXY\r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP4 192.0.2.9 198.51.100.25 4711\r\n",
    "PROXY TCP4 192.0.2.9 198.51.100.25 4711 25 \r\n",
    "PROXY TCP4 192.0.2.9  198.51.100.25 4711 25\r\n",
    "PROXY TCP4 192.0.2.9 198.51.100.25 4711 65536\r\n",
    "PROXY TCP4 192.0.2.9 198.51.100.25 -1 25\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.25 4711 25\r\n",
    "PROXY TCP4 192.0.2.09 198.51.100.25 4711 25\r\n",
    "PROXY TCP4 2001:db8::9 2001:db8::25 4711 25\r\n",
    "PROXY TCP6 192.0.2.9 198.51.100.25 4711 25\r\n",
    "PROXY TCP6 fe80::1%eth0 2001:db8::25 4711 25\r\n",
    "PROXY UDP4 192.0.2.9 198.51.100.25 4711 25\r\n",
    "PROXY UNKNOWNX\r\n",
    "PROXY TCP4 192.0.2.9\r 198.51.100.25 4711 25\r\n",
    "PROXY TCP4 192.0.2.9 198.51.100.25 4711 25\n".padEnd(107, "x"),
    `PROXY UNKNOWN ${"x".repeat(100)}\r\n`,
  ])("takes %j for no header", (line) => {
    expect(read(line).kind).toBe("bad");
  });

  it("takes 107 bytes, and not one more", () => {
    const line = `PROXY UNKNOWN ${"x".repeat(91)}\r\n`;
    expect(line).toHaveLength(107);
    expect(read(line).kind).toBe("header");
    expect(read(line.replace("\r\n", "x\r\n")).kind).toBe("bad");
    expect(read(line.slice(0, 106)).kind).toBe("partial");
  });
});

describe("version 2", () => {
  it("reads addresses of both families, and no TLV behind them, however broken it is", () => {
    for (const more of ["", "\x20\xff\xff\x01", "\x03\0\x04\0\0\0\0", "\0".repeat(3000)]) {
      const tlvs = Buffer.from(more, "latin1");
      expect(ends(read(version2(0x21, 0x11, Buffer.concat([ipv4, tlvs]))))).toBe("192.0.2.9 4711 > 198.51.100.25 25");
      expect(ends(read(version2(0x21, 0x21, Buffer.concat([ipv6, tlvs]))))).toBe("2001:db8::9 4711 > 2001:db8::25 25");
    }
  });

  it("reads an IPv4 address in IPv6 as IPv4", () => {
    const mapped = Buffer.from(`00000000000000000000ffffc0000209${"00000000000000000000ffffc6336419"}12670019`, "hex");
    expect(ends(read(version2(0x21, 0x21, mapped)))).toBe("192.0.2.9 4711 > 198.51.100.25 25");
  });

  it.each([
    ["LOCAL without addresses", version2(0x20, 0x00, Buffer.alloc(0))],
    ["LOCAL with addresses", version2(0x20, 0x11, ipv4)],
    ["UNSPEC", version2(0x21, 0x00, Buffer.alloc(40))],
    ["a Unix socket", version2(0x21, 0x31, Buffer.alloc(216))],
  ])("leaves the proxy its own address with %s", (_, header) => {
    expect(ends(read(Buffer.concat([header, Buffer.from("EHLO x\r\n")])))).toBe("the proxy itself");
    expect(read(header)).toMatchObject({ length: header.length });
    for (let cut = 0; cut < header.length; cut += 1) {
      expect(read(header.subarray(0, cut)).kind).toBe("partial");
    }
  });

  it.each([
    ["another version", version2(0x11, 0x11, ipv4)],
    ["another command", version2(0x22, 0x11, ipv4)],
    ["UDP", version2(0x21, 0x12, ipv4)],
    ["another family", version2(0x21, 0x41, ipv4)],
    ["addresses that are cut", version2(0x21, 0x11, ipv4.subarray(0, 11))],
    ["IPv6 addresses that are cut", version2(0x21, 0x21, ipv6.subarray(0, 35))],
    ["more than it may have", version2(0x21, 0x11, ipv4, 4097)],
    ["a length that nobody sends", version2(0x20, 0x00, Buffer.alloc(0), 65_535)],
  ])("refuses %s", (_, header) => {
    expect(read(header).kind).toBe("bad");
  });
});

it("no bytes make it throw, and none make it want more than it reads at most", () => {
  const beginning = fc.constantFrom(Buffer.alloc(0), Buffer.from("PROXY "), signature, Buffer.from("PROXY TCP4 1."));
  fc.assert(
    fc.property(beginning, fc.uint8Array({ maxLength: 5000 }), (begin, bytes) => {
      const data = Buffer.concat([begin, bytes]);
      const header = readProxyHeader(data);
      expect(header.kind === "partial" && data.length > 4096 + 16).toBe(false);
      expect(header.kind === "header" && header.length > data.length).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
