/**
 * Networks as numbers: which of many address blocks a client is in, the narrowest first. CIDR (RFC 4632, RFC 4291 2.3)
 * for both families, and IPv6 prefixes that end in a colon.
 */
import { isIP, SocketAddress } from "node:net";

import { parseBlock } from "./network.ts";

/** A block: the first `bits` bits of an address, as a number. */
export interface Network {
  readonly family: 4 | 6;
  readonly bits: number;
  readonly value: bigint;
  /** The text had bits set beyond its length, as 10.1.2.3/8 has. */
  readonly hostBits: boolean;
}

/** An address alone as a block of one. */
export function networkOf(ip: string): Network {
  const family = isIP(ip) === 4 ? 4 : 6;
  return { family, bits: family === 4 ? 32 : 128, value: addressValue(ip, family), hostBits: false };
}

/** The groups of an IPv6 address as numbers; the last two may be written as IPv4. */
function readGroups(text: string): number[] {
  return text.split(":").flatMap((group) => {
    const [first, second, third, fourth] = group.split(".").map(Number);
    if (fourth === undefined) {
      return group === "" ? [] : [Number.parseInt(group, 16)];
    }
    return [(first ?? 0) * 256 + (second ?? 0), (third ?? 0) * 256 + fourth];
  });
}

function addressValue(ip: string, family: 4 | 6): bigint {
  if (family === 4) {
    return BigInt(ip.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0));
  }
  const [address = ""] = ip.split("%", 1);
  const [before = "", after = ""] = address.split("::");
  const head = readGroups(before);
  const tail = readGroups(after);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return [...head, ...zeros, ...tail].reduce((sum, group) => sum * 65_536n + BigInt(group), 0n);
}

/** Makes a block of IPv4-mapped addresses one of IPv4: clients come in that form. */
function unmap(network: Network): Network {
  const { family, bits, value } = network;
  return family === 6 && bits >= 96 && value >> BigInt(bits - 96) === 0xffffn
    ? { ...network, family: 4, bits: bits - 96, value: value & ((1n << BigInt(bits - 96)) - 1n) }
    : network;
}

/** `10.1./16`, as ucspi-tcp6 writes it, with the octets that are left out. */
function wholeAddress(text: string): string {
  const [, octets = "", length = ""] = /^((?:\d{1,3}\.){1,3})(\/\d+)$/.exec(text) ?? [];
  return octets === "" ? text : `${octets}${"0.".repeat(4 - octets.split(".").length)}0${length}`;
}

/**
 * Reads `10.0.0.0/8`, `10./8`, `2001:db8::/32`, or `2001:db8:` (whole groups, without `::`).
 * Undefined if it is not a block.
 */
export function parseNetwork(written: string): Network | undefined {
  const text = wholeAddress(written);
  if (/^(?:[0-9a-fA-F]{1,4}:){1,7}$/.test(text)) {
    return parseNetwork(`${text}:/${16 * (text.split(":").length - 1)}`);
  }
  if (parseBlock(text) === undefined) {
    return undefined;
  }
  const [address = "", length = ""] = text.split("/");
  const family = isIP(address) === 4 ? 4 : 6;
  const bits = Number(length);
  const shift = BigInt((family === 4 ? 32 : 128) - bits);
  const whole = addressValue(address, family);
  const value = whole >> shift;
  return unmap({ family, bits, value, hostBits: value << shift !== whole });
}

/** A block in its one spelling: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export function formatNetwork({ family, bits, value }: Network): string {
  const [length, size] = family === 4 ? [32, 8] : [128, 16];
  const whole = value << BigInt(length - bits);
  const parts = Array.from({ length: length / size }, (_, i) =>
    Number((whole >> BigInt(length - size * (i + 1))) & ((1n << BigInt(size)) - 1n)),
  );
  const text =
    family === 4
      ? parts.join(".")
      : new SocketAddress({ address: parts.map((part) => part.toString(16)).join(":"), family: "ipv6" }).address;
  return bits === length ? text : `${text}/${bits}`;
}

/** The blocks of one length. */
interface Row<T> {
  readonly bits: number;
  readonly shift: bigint;
  readonly entries: Map<bigint, T>;
}

/** A table of blocks: a lookup costs one Map access for each length in use, however many blocks there are. */
export class Blocks<T> {
  readonly #rows: { readonly 4: Row<T>[]; readonly 6: Row<T>[] } = { 4: [], 6: [] };

  /** Adds a block. False if the same block has an entry: the first one stays. */
  add({ family, bits, value }: Network, entry: T): boolean {
    const rows = this.#rows[family];
    let row = rows.find((other) => other.bits === bits);
    if (row === undefined) {
      row = { bits, shift: BigInt((family === 4 ? 32 : 128) - bits), entries: new Map() };
      rows.push(row);
      rows.sort((left, right) => right.bits - left.bits);
    }
    if (row.entries.has(value)) {
      return false;
    }
    row.entries.set(value, entry);
    return true;
  }

  /** Every entry. */
  values(): T[] {
    return [...this.#rows[4], ...this.#rows[6]].flatMap(({ entries }) => [...entries.values()]);
  }

  /** The entry of the narrowest block around an address that is narrower than `wider` bits. */
  find(ip: string, wider: number): T | undefined {
    const family = isIP(ip);
    if ((family !== 4 && family !== 6) || this.#rows[family].length === 0) {
      return undefined;
    }
    const address = addressValue(ip, family);
    for (const { bits, shift, entries } of this.#rows[family]) {
      if (bits <= wider) {
        return undefined;
      }
      const entry = entries.get(address >> shift);
      if (entry !== undefined) {
        return entry;
      }
    }
    return undefined;
  }
}
