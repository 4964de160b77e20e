/** Blocks of addresses: compared with the platform's own block list. */
import { isIP } from "node:net";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Blocks, parseNetwork } from "../../src/mail/blocks.ts";
import { normalIp, parseBlock } from "../../src/mail/network.ts";

/** Few bits set, so that random blocks and addresses meet. */
const octet = fc.constantFrom("0", "10", "128", "255");
const group = fc.constantFrom("0", "db8", "8000", "ffff");
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const tail = fc.oneof(
  group,
  fc.tuple(group, group).map((groups) => groups.join(":")),
  ipv4,
);
const ipv6 = fc.oneof(
  fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(":")),
  fc.tuple(fc.array(group, { maxLength: 5 }), tail).map(([groups, end]) => `${groups.join(":")}::${end}`),
  fc.ipV6(),
);
const block = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
);

describe("blocks", () => {
  it("hold exactly the addresses that the platform says they hold", () => {
    fc.assert(
      fc.property(block, fc.oneof(ipv4, ipv6), (text, address) => {
        const network = parseNetwork(text);
        const ip = normalIp(address);
        if (network?.family !== isIP(ip)) {
          // A block of one family says nothing of the other; the platform mixes the two.
          return;
        }
        const blocks = new Blocks<string>();
        blocks.add(network, text);
        expect(blocks.find(ip, -1) !== undefined).toBe(parseBlock(text)?.(ip));
      }),
      { numRuns: 3000 },
    );
  });

  it("answer with the narrowest, in whatever order they come", () => {
    const blocks = new Blocks<string>();
    for (const text of ["10.0.0.0/8", "10.1.2.0/24", "0.0.0.0/0", "10.1.0.0/16"]) {
      const network = parseNetwork(text);
      expect(network !== undefined && blocks.add(network, text)).toBe(true);
    }
    const found = (ip: string, wider = -1): string | undefined => blocks.find(ip, wider);
    expect(["10.1.2.3", "10.1.3.3", "10.2.2.3", "11.1.2.3"].map((ip) => found(ip))).toEqual([
      "10.1.2.0/24",
      "10.1.0.0/16",
      "10.0.0.0/8",
      "0.0.0.0/0",
    ]);
    expect(found("10.1.2.3", 24)).toBeUndefined();
    expect(found("10.1.2.3", 23)).toBe("10.1.2.0/24");
    expect(found("not an address")).toBeUndefined();
  });

  it("keep the first of two entries", () => {
    const blocks = new Blocks<string>();
    const [one, two] = [parseNetwork("10.0.0.0/8"), parseNetwork("10.9.9.9/8")];
    expect(one !== undefined && blocks.add(one, "first")).toBe(true);
    expect(two !== undefined && blocks.add(two, "second")).toBe(false);
    expect(blocks.find("10.1.1.1", -1)).toBe("first");
  });
});
