/**
 * The header in which a proxy says whose connection it forwards: the PROXY protocol, versions 1 and 2, as haproxy
 * sends it. https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
 */
import { isIPv4, isIPv6 } from "node:net";

import { canonicalIp } from "../../mail/network.ts";

/** One end of a connection. */
export interface ProxiedEnd {
  readonly ip: string;
  readonly port: number;
}

/** What the first bytes of a connection are. */
export type ProxyHeader =
  /** The beginning of a header. */
  | { readonly kind: "partial" }
  /** No header, or a faulty one. */
  | { readonly kind: "bad"; readonly why: string }
  | {
      readonly kind: "header";
      /** Its length in bytes. */
      readonly length: number;
      /** Undefined: the proxy speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC, a Unix socket). */
      readonly ends?: { readonly client: ProxiedEnd; readonly local: ProxiedEnd };
    };

/** Bytes of a line of version 1, with its CRLF. */
const longestLine = 107;
/** Bytes of addresses and TLVs in version 2: the addresses of Unix sockets take 216, and TLVs of TLS a few hundred. */
const longestBody = 4096;
const fixedLength = 16;
const begin = Buffer.from("PROXY ");
const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n");

const partial: ProxyHeader = { kind: "partial" };

function bad(why: string): ProxyHeader {
  return { kind: "bad", why };
}

/** Reads what has come so far. It is never asked for more than {@link longestBody} and the fixed part of version 2. */
export function readProxyHeader(data: Buffer): ProxyHeader {
  if (begins(data, begin)) {
    return readLine(data);
  }
  return begins(data, signature) ? readBinary(data) : bad("no PROXY header");
}

/** Whether as much as there is of both is the same. */
function begins(data: Buffer, with_: Buffer): boolean {
  const length = Math.min(data.length, with_.length);
  return data.subarray(0, length).equals(with_.subarray(0, length));
}

function readLine(data: Buffer): ProxyHeader {
  const end = data.subarray(0, longestLine).indexOf("\r\n");
  if (end < 0) {
    return data.length < longestLine ? partial : bad(`no end of line within ${longestLine} bytes`);
  }
  const line = data.toString("latin1", 0, end);
  const length = end + 2;
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) {
    return { kind: "header", length };
  }
  const [, family, from = "", to = "", fromPort = "", toPort = ""] =
    /^PROXY (TCP[46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line) ?? [];
  const isAddress = family === "TCP4" ? isIPv4 : isPlainIpv6;
  const ports = [Number(fromPort), Number(toPort)] as const;
  if (family === undefined || !isAddress(from) || !isAddress(to) || ports.some((port) => port > 65_535)) {
    return bad("malformed PROXY line");
  }
  const [client, local] = [
    { ip: canonicalIp(from), port: ports[0] },
    { ip: canonicalIp(to), port: ports[1] },
  ];
  return { kind: "header", length, ends: { client, local } };
}

function isPlainIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

/** Version and command, family and transport, length of the rest: a byte, a byte, two bytes. */
function readBinary(data: Buffer): ProxyHeader {
  if (data.length < fixedLength) {
    return partial;
  }
  const [command = 0, family = 0] = data.subarray(signature.length);
  const bodyLength = data.readUInt16BE(signature.length + 2);
  if (command !== 0x20 && command !== 0x21) {
    return bad(`PROXY version and command 0x${command.toString(16)}`);
  }
  if (bodyLength > longestBody) {
    return bad(`PROXY header of ${bodyLength} bytes`);
  }
  const length = fixedLength + bodyLength;
  if (data.length < length) {
    return partial;
  }
  if (command === 0x20) {
    return { kind: "header", length };
  }
  return readEnds(family, data.subarray(fixedLength, length), length);
}

/** What follows the addresses, the TLVs, is not looked at. */
function readEnds(family: number, body: Buffer, length: number): ProxyHeader {
  switch (family) {
    case 0x11:
      return body.length < 12 ? bad("PROXY addresses cut short") : endsOf(body, 4, length);
    case 0x21:
      return body.length < 36 ? bad("PROXY addresses cut short") : endsOf(body, 16, length);
    case 0x00:
    case 0x31:
      return { kind: "header", length };
  }
  return bad(`PROXY family and transport 0x${family.toString(16)}`);
}

function endsOf(body: Buffer, size: 4 | 16, length: number): ProxyHeader {
  const end = (i: 0 | 1): ProxiedEnd => ({
    ip: addressOf(body.subarray(i * size, (i + 1) * size)),
    port: body.readUInt16BE(2 * size + 2 * i),
  });
  return { kind: "header", length, ends: { client: end(0), local: end(1) } };
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) {
    return bytes.join(".");
  }
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return canonicalIp(groups.join(":"));
}
