/**
 * Which rules never decide, because more exact ones speak of every address of theirs. A more exact rule wins wherever
 * it is in the file, so the order of lines does not matter here.
 */
import { isIPv4 } from "node:net";

import { normalIpv6 } from "./addresses.ts";
import { networkOf, parseNetwork } from "../mail/blocks.ts";
import type { Network } from "../mail/blocks.ts";

/** One address, prefix or block of one line. */
export interface Claim {
  readonly line: number;
  readonly network: Network;
  /** A block of CIDR: of two that are as wide, the address or prefix wins. */
  readonly isBlock: boolean;
}

/**
 * The addresses of a literal of the tables, "10.1." or a complete address; undefined if it is none of an IP address.
 */
export function networkOfLiteral(literal: string): Network | undefined {
  if (isIPv4(literal)) {
    return networkOf(literal);
  }
  const octets = literal.split(".").length - 1;
  const isPrefix = literal.endsWith(".") && octets < 4;
  return isPrefix
    ? parseNetwork(`${literal}/${8 * octets}`)
    : normalIpv6(literal) === literal && !literal.includes("@")
      ? networkOf(literal)
      : undefined;
}

/** Ranges of addresses that do not touch, in ascending order. */
class Covered {
  readonly #ranges: { first: bigint; last: bigint }[] = [];

  /** Adds a range. False if all of it was covered already. */
  add(first: bigint, last: bigint): boolean {
    const ranges = this.#ranges;
    let from = 0;
    for (let end = ranges.length; from < end;) {
      const middle = (from + end) >> 1;
      if ((ranges[middle]?.last ?? 0n) + 1n < first) {
        from = middle + 1;
      } else {
        end = middle;
      }
    }
    const before = ranges[from];
    if (before !== undefined && before.first <= first && last <= before.last) {
      return false;
    }
    let to = from;
    const merged = { first, last };
    for (let range = ranges[to]; range !== undefined && range.first <= last + 1n; range = ranges[++to]) {
      merged.first = range.first < merged.first ? range.first : merged.first;
      merged.last = range.last > merged.last ? range.last : merged.last;
    }
    ranges.splice(from, to - from, merged);
    return true;
  }
}

/** Lines of which every claim is covered by more exact ones. */
export function shadowedLines(claims: readonly Claim[]): Set<number> {
  const covered = { 4: new Covered(), 6: new Covered() };
  const exactFirst = claims.toSorted(
    (left, right) => width(left) - width(right) || Number(left.isBlock) - Number(right.isBlock),
  );
  const shadowed = new Set(claims.map(({ line }) => line));
  for (const { line, network } of exactFirst) {
    const { family, value } = network;
    const shift = BigInt(width({ network }));
    if (covered[family].add(value << shift, ((value + 1n) << shift) - 1n)) {
      shadowed.delete(line);
    }
  }
  return shadowed;
}

/** Bits of an address that are free. */
function width({ network: { family, bits } }: Pick<Claim, "network">): number {
  return (family === 4 ? 32 : 128) - bits;
}
