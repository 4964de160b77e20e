/** Network words: client addresses, CIDR blocks, `host:port`. Text in, values out. */
import { BlockList, SocketAddress, isIP, isIPv4, isIPv6 } from "node:net";

/** A place to listen at or to connect to. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** An IP address as one text: IPv4-mapped IPv6 becomes IPv4, IPv6 is in lower case. */
export function normalIp(address: string): string {
  const text = address.toLowerCase();
  return text.startsWith("::ffff:") && isIPv4(text.slice(7)) ? text.slice(7) : text;
}

/**
 * The same with IPv6 as Node writes the addresses of sockets: lower case, no leading zeros.
 * @param address an IP address without a zone
 */
export function canonicalIp(address: string): string {
  return isIPv6(address) ? normalIp(new SocketAddress({ address, family: "ipv6" }).address) : address;
}

/** Reads `host:port`, `[v6]:port`, or a host alone if a default port is given. */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null || (match[1] !== undefined && !isIPv6(match[1]))) {
    return undefined;
  }
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  const host = match[1] ?? match[2] ?? "";
  return port === undefined || port > 65_535 ? undefined : { host, port };
}

/** Reads the value of a setting whose rule is {@link parseEndpoint}. @throws RangeError where it has not kept to it */
export function readEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) {
    throw new RangeError(`not host:port: ${text}`);
  }
  return endpoint;
}

/** Reads `http://host:port` of the daemon on the internal network; without a port it is qmail-deliverabled's. */
export function parseLive(text: string): Endpoint | undefined {
  const [, place] = /^http:\/\/([^/]+)\/?$/.exec(text) ?? [];
  return place === undefined ? undefined : parseEndpoint(place, 8998);
}

/** Whether a name or an address in a configuration is this machine's loopback. */
export function isLoopbackName(host: string): boolean {
  return /^(?:localhost|::1|127\.\d+\.\d+\.\d+)$/i.test(host);
}

/** The host that stands for every address of the machine, of both families. */
export const everyAddress = "*";

/**
 * A place to listen at, as Node wants it: without a host it takes one socket for both families, and one for IPv4 alone
 * if the machine has no IPv6.
 */
export function listenOptions({ host, port }: Endpoint): { readonly host?: string; readonly port: number } {
  return host === everyAddress ? { port } : { host, port };
}

/** Writes `host:port`, with brackets around an IPv6 address. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads `10.0.0.0/8` or `2001:db8::/32` into a test. Undefined if it is not a block. */
export function parseBlock(text: string): ((ip: string) => boolean) | undefined {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] ?? "";
  const bits = Number(match?.[2]);
  const family = isIP(address);
  if (family === 0 || bits > (family === 4 ? 32 : 128)) {
    return undefined;
  }
  const list = new BlockList();
  list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  return (ip) => list.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
}

/** The port that a server listens on. @throws TypeError if it listens on none */
export function boundPort(server: { address(): { readonly port: number } | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new TypeError("Cannot tell the port: the server does not listen on one");
  }
  return address.port;
}
