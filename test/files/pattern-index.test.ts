/** Many patterns are looked up by the plain text that they hold: with the same result as one after another, and soon. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { indexPatterns } from "../../src/files/pattern-index.ts";
import { longestAddress } from "../../src/files/patterns.ts";
import type { Pattern } from "../../src/files/patterns.ts";
import { requiredTexts } from "../../src/files/required-text.ts";

/** Patterns in JavaScript's notation; what is none is left out. */
function compileAll(sources: readonly string[], flags = ""): Pattern[] {
  return sources.flatMap((source) => {
    try {
      const pattern = new RegExp(source, flags);
      return [{ source, flags, matches: (text: string) => pattern.test(text) }];
    } catch {
      return [];
    }
  });
}

describe("the text that a match must hold", () => {
  it.each<[source: string, texts: string[]]>([
    ["^gone1@", ["gone1@"]],
    [String.raw`^a\.b\@c\d+end$`, ["a.b@c", "end"]],
    ["abc?d", ["ab", "d"]],
    ["abc*d", ["ab", "d"]],
    ["abc+d", ["abc", "d"]],
    ["abc{2,3}d", ["ab", "d"]],
    ["ab(cd|ef)?gh", ["ab", "gh"]],
    ["ab(cd|ef)gh", ["ab", "cd/ef", "gh"]],
    ["ab(cd|e?)gh", ["ab", "gh"]],
    ["ab(cd(x|yz)+|(?:e)*fgh)i", ["ab", "cd/fgh", "i"]],
    ["(ab(cd)?){2}e", ["e"]],
    ["ab(?=cd)ef(?<!gh)ij", ["ab", "ef", "ij"]],
    ["ab[c|(d]ef", ["ab", "ef"]],
    [String.raw`ab[\]|]ef`, ["ab", "ef"]],
    [String.raw`a\x41b(?<n>c)\k<n>d\1e`, ["a", "b", "c", "d", "e"]],
    [String.raw`\bVera\b`, ["vera"]],
    ["ab|cd", ["ab/cd"]],
    ["(ab|cd)", ["ab/cd"]],
    ["ab|c*", []],
    ["äbc", ["bc"]],
  ])("%s", (source, texts) => {
    expect(requiredTexts(source).map((either) => either.join("/"))).toEqual(texts);
  });
});

describe("an index of patterns", () => {
  it("finds the same pattern as trying one after another", () => {
    const part = fc.constantFrom(
      ...["ab", "cd", "x@y", "1", "B", "(ab|cd)", "[ab]", ".", "c?", "d*", "a+", "(?:xy){2}", "(?!cd)", "|", "^", "$"],
      ...[String.raw`\d`, String.raw`\.`, String.raw`\bab`, String.raw`\x61`, "b{0,1}", "(?<=a)b"],
    );
    const perl = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
    const text = fc.array(fc.constantFrom("ab", "cd", "x@y", "1", "B", "xy", ".", "c", "AB"), { maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(perl, { minLength: 16, maxLength: 30 }),
        text,
        fc.constantFrom("", "i"),
        (all, words, flags) => {
          const patterns = compileAll(all, flags);
          const subject = words.join("");
          const first = patterns.findIndex((pattern) => pattern.matches(subject));
          expect(indexPatterns(patterns, longestAddress).find(subject) ?? -1).toBe(first);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("tries few of many that have short texts only, or a choice", () => {
    let tried = 0;
    const letters = (i: number): string => i.toString(36).padStart(3, "0");
    const sources = Array.from({ length: 20_000 }, (_, i) =>
      i % 2 === 0 ? `^${letters(i)}.@` : `(${letters(i)}|x${i})[0-9]y`,
    );
    const patterns = compileAll(sources).map((pattern): Pattern => ({
      ...pattern,
      matches: (text) => (tried++, pattern.matches(text)),
    }));
    const index = indexPatterns(patterns, longestAddress);
    expect(index.find(`${letters(15_000)}z@example.com`)).toBe(15_000);
    expect(index.find(`${letters(15_001)}3y@example.com`)).toBe(15_001);
    expect(index.find("no.user1abc@example.com")).toBeUndefined();
    expect(tried).toBeLessThan(1000);
  });

  it("tries few of 20,000 patterns, also on the longest text", () => {
    let tried = 0;
    const patterns = compileAll(Array.from({ length: 20_000 }, (_, i) => `^gone${i}@`)).map((pattern): Pattern => ({
      ...pattern,
      matches: (text) => (tried++, pattern.matches(text)),
    }));
    const index = indexPatterns(patterns, longestAddress);
    expect(index.find("gone12345@example.com")).toBe(12_345);
    expect(index.find(`vera@${"a".repeat(longestAddress)}`)).toBeUndefined();
    expect(index.find("gone@example.com")).toBeUndefined();
    expect(tried).toBeLessThan(100);
  });
});
