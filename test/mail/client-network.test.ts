import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { clientBlock, clientNetwork } from "../../src/mail/client-network.ts";

describe("client network", () => {
  it("is the address itself for IPv4", () => {
    expect(clientNetwork("192.0.2.1")).toBe("192.0.2.1");
    expect(clientNetwork("192.0.2.2")).toBe("192.0.2.2");
  });

  it("is the same for an IPv4 address that comes mapped into IPv6", () => {
    for (const spelling of ["::ffff:192.0.2.1", "::FFFF:192.0.2.1", "::ffff:c000:201", "0:0:0:0:0:ffff:c000:0201"]) {
      expect(clientNetwork(spelling), spelling).toBe("192.0.2.1");
    }
  });

  it("is the /64 of an IPv6 address, in one spelling", () => {
    for (const spelling of ["2001:db8:1:2::1", "2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:0db8:0001:0002::%eth0"]) {
      expect(clientNetwork(spelling), spelling).toBe("2001:db8:1:2::/64");
    }
    expect(clientNetwork("2001:db8:1:3::1")).toBe("2001:db8:1:3::/64");
    expect(clientNetwork("2001:db8::1")).toBe("2001:db8:0:0::/64");
    expect(clientNetwork("::1")).toBe("0:0:0:0::/64");
    expect(clientNetwork("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  });

  it("keeps clients behind an IPv4 translator apart", () => {
    expect(clientNetwork("64:ff9b::192.0.2.1")).not.toBe(clientNetwork("64:ff9b::192.0.2.2"));
    expect(clientNetwork("64:ff9b::192.0.2.1")).toBe(clientNetwork("64:ff9b::c000:201"));
  });

  it("lets text that is no address stand for itself", () => {
    expect(clientNetwork("")).toBe("");
    expect(clientNetwork("nonsense")).toBe("nonsense");
  });

  it("depends on the first four groups of any address and on nothing else", () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    const groups = (length: number): fc.Arbitrary<number[]> =>
      fc.array(group, { minLength: length, maxLength: length });
    const text = (all: readonly number[]): string => all.map((one) => one.toString(16)).join(":");
    fc.assert(
      fc.property(groups(4), groups(4), ([a = 0, ...rest], host) => {
        // Others are IPv4 in another guise.
        const first = [a | 0x2000, ...rest];
        expect(clientNetwork(text([...first, ...host]))).toBe(`${text(first)}::/64`);
      }),
    );
  });

  it("is a block of IPv4 addresses where fewer bits count, and the same for IPv6", () => {
    expect(clientBlock("192.0.2.77", 24)).toBe("192.0.2.0/24");
    expect(clientBlock("::ffff:192.0.2.77", 26)).toBe("192.0.2.64/26");
    expect(clientBlock("255.255.255.255", 9)).toBe("255.128.0.0/9");
    expect(clientBlock("192.0.2.77", 32)).toBe("192.0.2.77");
    expect(clientBlock("2001:db8::1", 24)).toBe(clientNetwork("2001:db8::1"));
    expect(clientBlock("64:ff9b::192.0.2.1", 24)).toBe(clientNetwork("64:ff9b::192.0.2.1"));
  });

  it("never throws", () => {
    const odd = fc.stringMatching(/^[0-9a-f:.%]{0,40}$/);
    fc.assert(fc.property(fc.oneof(odd, fc.string()), (ip) => typeof clientNetwork(ip) === "string"));
  });
});
