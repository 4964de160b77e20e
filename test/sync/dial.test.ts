import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseTarget } from "../../sync/sources/dial.ts";

/** @throws what is no RangeError */
function isRead(url: string): boolean {
  try {
    parseTarget(url);
    return true;
  } catch (error) {
    if (error instanceof RangeError) {
      return false;
    }
    throw error;
  }
}

describe("an LDAP URL", () => {
  it("leads to a host, a port and TLS or not", () => {
    expect(parseTarget("ldap://dir.example")).toMatchObject({ host: "dir.example", port: 389, tls: false });
    expect(parseTarget("LDAPS://192.0.2.1/")).toMatchObject({ host: "192.0.2.1", port: 636, tls: true });
    expect(parseTarget("ldap://[2001:db8::1]:3389")).toMatchObject({ host: "2001:db8::1", port: 3389 });
  });

  it("leads to a local socket in either spelling", () => {
    for (const url of ["ldapi:///run/slapd/ldapi", "ldapi://%2Frun%2Fslapd%2Fldapi"]) {
      expect(parseTarget(url)).toMatchObject({ kind: "local", path: "/run/slapd/ldapi" });
    }
  });

  it("is refused with anything else in it", () => {
    const wrong = [
      "",
      "ldap://",
      "dir.example",
      "http://x",
      "ldap://user:pass@x",
      "ldap://x/dc=y",
      "ldap://x?mail",
      "ldap://x:0",
      "ldapi://",
      "ldapi://relative",
      "ldapi://%",
      "ldapi:///",
      "ldapi://%2Fa%00b",
      "ldap://x y",
    ];
    expect(wrong.filter(isRead)).toEqual([]);
  });

  it("is read or refused, never anything else", () => {
    const parts = fc.array(
      fc.constantFrom("ldap", "ldaps", "ldapi", "://", ":", "/", "%2F", "%", "[", "]", "::1", "x", "389", "@", " "),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          parts.map((some) => some.join("")),
          fc.string(),
        ),
        (url) => {
          expect([true, false]).toContain(isRead(url));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
