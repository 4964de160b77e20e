/** Patterns of list files: Perl's meaning in JavaScript, or an error; and none that a hostile text can hang on. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { longestAddress, longestHeader, patternsFor } from "../../src/files/patterns.ts";
import type { Pattern } from "../../src/files/patterns.ts";

const compile = (perl: string, ignoreCase = false): Pattern => {
  const pattern = patternsFor({ longest: longestAddress, ignoreCase })(perl);
  if ("fault" in pattern) {
    throw new TypeError(pattern.fault);
  }
  return pattern;
};
const fault = (perl: string, longest = longestAddress): string => {
  const pattern = patternsFor({ longest })(perl);
  return "fault" in pattern ? pattern.fault : "none";
};

describe("a pattern of a list file", () => {
  it.each([
    [String.raw`%`, "a%b@x.test", "ab@x.test"],
    [String.raw`!`, "a!b@x.test", "ab@x.test"],
    [String.raw`@.*@`, "a@b@x.test", "a@x.test"],
    [String.raw`^user\d+\@doma\.in$`, "user7@doma.in", "user@doma.in"],
    [String.raw`\Ausers?\@x\.test\z`, "user@x.test", "auser@x.test"],
    [String.raw`^end\Z`, "end", "ends"],
    [String.raw`(?i)^VERA@`, "vera@x.test", "otto@x.test"],
    [String.raw`^\Qa.b+c\E@x`, "a.b+c@x", "aXb+c@x"],
    [String.raw`^a\Q.b`, "a.b", "axb"],
    [String.raw`^[[:alpha:][:digit:]]+$`, "ab3", "a-b"],
    [String.raw`^[]a]+$`, "]a", "b"],
    [String.raw`^[^]a]+$`, "b", "]"],
    [String.raw`^[\Qa-c\E]$`, "-", "b"],
    [String.raw`^\x41(?<n>b)\k<n>$`, "Abb", "Ab"],
    [String.raw`^(?:a|b){2}$`, "ab", "abc"],
    [String.raw`^(?!vera@)\w+@x\.test$`, "otto@x.test", "vera@x.test"],
    [String.raw`a/b\/c`, "a/b/c", "abc"],
  ])("%s means what it means in Perl", (perl, match, other) => {
    const pattern = compile(perl);
    expect([pattern.matches(match), pattern.matches(other)]).toEqual([true, false]);
  });

  it("compares without regard to letter case if asked to", () => {
    expect(compile("^Vera@").matches("vera@x.test")).toBe(false);
    expect(compile("^Vera@", true).matches("vERA@x.test")).toBe(true);
    expect(compile("(?i)^Vera@", true).matches("vERA@x.test")).toBe(true);
  });

  it.each([
    ["a++", "Nothing to repeat"],
    ["(?>a)b", "Invalid group"],
    ["(a", "Unterminated group"],
    ["*a", "Nothing to repeat"],
    ["[a", "Unterminated character class"],
    [String.raw`\Gx`, String.raw`\G is not supported`],
    [String.raw`\p{L}`, String.raw`\p is not supported`],
    [String.raw`a\h`, String.raw`\h is not supported`],
    [String.raw`\x{41}`, String.raw`\x is not supported`],
    ["a\\", "a backslash at the end"],
    ["[[:ascii:]]", "[:ascii:] is not supported"],
    [String.raw`(?m)\Aa`, String.raw`\A and \z together with (?m)`],
    ["(?x)a b", "Invalid"],
    ["a".repeat(1001), "at most 1000 characters"],
  ])("%s is an error that says why", (perl, why) => {
    expect(fault(perl)).toContain(why);
  });

  it.each([
    String.raw`^(a+)+$`,
    String.raw`(x+x+)+y`,
    String.raw`^([^@]+)+$`,
    String.raw`^(\d+)*z`,
    String.raw`^((ab)+)+$`,
    String.raw`^(\w+\s?)*@$`,
    String.raw`(a|aa)+$`,
    `^${"a?".repeat(40)}${"a".repeat(40)}$`,
  ])("%s, which a hostile address could hang on, is an error", (perl) => {
    const begun = performance.now();
    expect(fault(perl)).toContain("takes more than 50 ms for a hostile text");
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it("passes the trial with the repeats that lists have", () => {
    for (const perl of [
      String.raw`^streamsendbouncer@.*\.mailengine1\.com$`,
      String.raw`^return.*@.*\.pidplate\.biz$`,
      String.raw`(^|[.-])(a?dsl|dyn(amic)?|dial(up|in)?|pool|ppp|dhcp|dip|cable|cust|client)[0-9.-]`,
      String.raw`^([a-z0-9]+\.)+example$`,
    ]) {
      expect(fault(perl)).toBe("none");
    }
  });

  it("needs no trial where few ways can be tried: a long list of such patterns is kept whole", () => {
    const read = patternsFor({ longest: longestAddress, ignoreCase: true });
    const faults = Array.from({ length: 20_000 }, (_, n) => read(`^shop${n}.*@.*x$`)).filter((one) => "fault" in one);
    expect(faults).toHaveLength(0);
  });

  it("does not look beyond its bound", () => {
    const pattern = compile("z$");
    expect(pattern.matches(`${"a".repeat(longestAddress)}z`)).toBe(false);
    expect(pattern.matches(`${"a".repeat(longestAddress - 1)}zzz`)).toBe(true);
  });

  it("of 100,000 costs its list no long wait", () => {
    const read = patternsFor({ longest: longestAddress });
    const begun = performance.now();
    const kept = Array.from({ length: 100_000 }, (_, n) => read(`^user${n}.*@(?:a|b)+x${n}`)).filter(
      (one) => !("fault" in one),
    );
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect(kept.length).toBeGreaterThan(0);
  }, 60_000);

  it("is a pattern or an error, whatever the text, and then answers within the bound", () => {
    const piece = fc.constantFrom(
      "a",
      "b",
      "(",
      ")",
      "[",
      "]",
      "*",
      "+",
      "?",
      "\\",
      "|",
      "{2}",
      "^",
      "$",
      ".",
      "@",
      "(?:",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.string(), (pieces, text) => {
        const pattern = patternsFor({ longest: longestHeader })(pieces.join(""));
        expect("fault" in pattern ? "boolean" : typeof pattern.matches(text)).toBe("boolean");
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
