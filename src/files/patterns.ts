/**
 * Patterns of list files: Perl's regular expressions as JavaScript's, never against more text than a bound, and tried
 * against hostile texts when they are loaded, so that nobody can write an address that stops the relay.
 */
import { createContext, Script } from "node:vm";
import type { Context } from "node:vm";

import { translatePattern } from "./perl-pattern.ts";
import { errorMessage } from "../report/error-message.ts";

/** A pattern at work. */
export interface Pattern {
  /** In JavaScript's notation. */
  readonly source: string;
  readonly flags: string;
  /** Text beyond the bound does not count. */
  matches(text: string): boolean;
}

/** Why a pattern cannot be used. */
export interface PatternFault {
  readonly fault: string;
}

/** What the patterns of a list are for. */
export interface PatternUse {
  /** The longest text, in characters. */
  readonly longest: number;
  readonly ignoreCase?: boolean;
}

/** The longest texts: senders are up to 320 octets, recipients 254. */
export const longestAddress = 320;
export const longestHelo = 255;
/** RFC 5322 2.1.1. */
export const longestHeader = 998;

/** How long a hostile text may take; ms. */
const mostTime = 50;
/** How long all patterns of a list may take; ms. Sessions wait meanwhile. */
const mostTimeOfAll = 2000;
const maxPattern = 1000;
/** Different characters of a pattern, and words, that hostile texts are made of. */
const maxUnits = 12;

const slow = `takes more than ${mostTime} ms for a hostile text: avoid repeats within repeats`;

/** Reads the patterns of one list: a bound holds for all of them together. */
export function patternsFor({ longest, ignoreCase = false }: PatternUse): (perl: string) => Pattern | PatternFault {
  let spent = 0;
  return (perl) => {
    if (perl.length > maxPattern) {
      return { fault: `a pattern has at most ${maxPattern} characters` };
    }
    let pattern: RegExp;
    try {
      const { source, flags } = translatePattern(perl);
      pattern = new RegExp(source, ignoreCase && !flags.includes("i") ? `${flags}i` : flags);
    } catch (error) {
      return { fault: `this pattern cannot be used: ${errorMessage(error)}` };
    }
    if (mayBeSlow(perl) && !isSurelyQuick(pattern.source, longest)) {
      if (spent > mostTimeOfAll) {
        return { fault: `the patterns before it took ${mostTimeOfAll} ms to try; make them simpler, or fewer` };
      }
      const begun = performance.now();
      const isSound = standsTrial(pattern, longest);
      spent += performance.now() - begun;
      if (!isSound) {
        return { fault: `this pattern ${slow}` };
      }
    }
    const { source, flags } = pattern;
    return { source, flags, matches: (text) => pattern.test(text.length > longest ? text.slice(0, longest) : text) };
  };
}

/** One repeat of a single character costs no more than the square of the text's length. */
function mayBeSlow(perl: string): boolean {
  return (perl.match(/[*+?{]/g)?.length ?? 0) > 1 || /\)[*+?{]/.test(perl);
}

/** Ways to match that may be tried for a text; some 10 ms. */
const mostWays = 2_000_000;
/** What makes the number of ways hard to tell: repeated groups, what looks around or back, and repeats with bounds. */
const intricate = /\)[*+]|\(\?[^:]|\\[1-9k]|\{/;

/** Whether no text can make it try many ways, so that it needs no trial. @param source in JavaScript's notation */
function isSurelyQuick(source: string, longest: number): boolean {
  // A character each.
  const plain = source.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, (one) => (/^\\[1-9k]/.test(one) ? one : "x"));
  if (intricate.test(plain)) {
    return false;
  }
  const count = (sign: RegExp): number => plain.replaceAll("(?:", "(").match(sign)?.length ?? 0;
  const choices = count(/\|/g);
  const starts = plain.startsWith("^") && choices === 0 ? 1 : longest;
  let ways = plain.length * starts * 2 ** (count(/\?/g) + choices);
  for (let repeats = count(/[*+]/g); repeats > 0; repeats--) {
    ways *= (longest + repeats) / repeats;
  }
  return ways <= mostWays;
}

/**
 * The longest texts that make a pattern try all ways: one of its characters or words repeated, and an end that does not
 * fit. `\\d`, `\\s` and `[^x]` stand for characters that are not in the pattern.
 */
function hostileTexts(source: string, longest: number): string[] {
  const literal = source.replace(/\\[A-Za-z]/g, " ");
  const own = [...new Set(literal)].slice(0, maxUnits);
  const words = [...new Set(literal.match(/[A-Za-z0-9@._-]{2,}/g))].slice(0, maxUnits);
  const units = [...new Set(["a", "0", " ", ".", ...own, ...words])];
  const ends = ["\0", "@", ...own.slice(0, 3)];
  return units.flatMap((unit) => ends.map((end) => unit.repeat(longest).slice(0, longest - 1) + end));
}

function standsTrial(pattern: RegExp, longest: number): boolean {
  const texts = hostileTexts(pattern.source, longest);
  return isQuick(pattern, texts) || texts.every((text) => isQuick(pattern, [text]));
}

/** A running pattern can be stopped only in a context of its own; it costs more than most trials, so all have one. */
const trial = new Script("texts.forEach((text) => pattern.test(text))");
let place: Context | undefined;

function isQuick(pattern: RegExp, texts: readonly string[]): boolean {
  place ??= createContext({});
  try {
    Object.assign(place, { pattern, texts });
    trial.runInContext(place, { timeout: mostTime });
    return true;
  } catch {
    return false;
  } finally {
    Object.assign(place, { pattern: undefined, texts: undefined });
  }
}
