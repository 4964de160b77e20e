/**
 * The first of many patterns that matches a text, without trying all of them: nearly every pattern holds plain text
 * that a match must hold too, and only those are tried whose text occurs.
 */
import { foldAscii } from "../mail/address.ts";
import type { Pattern } from "./patterns.ts";
import { bestOf, requiredTexts } from "./required-text.ts";
import type { Either } from "./required-text.ts";

/** Characters of a piece of plain text, at most: enough that few patterns share one. */
const pieceLength = 4;
/** Fewer patterns are tried one after another: that costs less than looking for pieces. */
const few = 16;

/** The places of patterns, the first that matches. */
export interface PatternIndex {
  /** The place of the first pattern that matches; undefined: none. */
  find(text: string): number | undefined;
}

/** Makes the index of some patterns. @param longest as of the patterns */
export function indexPatterns(patterns: readonly Pattern[], longest: number): PatternIndex {
  const matches = (text: string) => (place: number) => patterns[place]?.matches(text) === true;
  if (patterns.length === 0) {
    return { find: () => undefined };
  }
  if (patterns.length < few) {
    const all = [...patterns.keys()];
    const any = anyOf(patterns);
    return { find: (text) => (any?.test(text.slice(0, longest)) === false ? undefined : all.find(matches(text))) };
  }
  const { byPiece, lengths, others } = sortPatterns(patterns.map(({ source }) => requiredTexts(source)));
  return {
    find(text) {
      const places = [...others];
      const folded = foldAscii(text.slice(0, longest));
      for (const length of lengths) {
        for (let at = 0; at + length <= folded.length; at++) {
          const found = byPiece.get(folded.slice(at, at + length));
          if (found !== undefined) {
            places.push(...found);
          }
        }
      }
      return places.sort((one, other) => one - other).find(matches(text));
    },
  };
}

/** Back references count brackets, and names are unique: such patterns cannot be put together. */
const notToJoin = /\\[1-9k]|\(\?<[^=!]/;

/** One expression that matches where any of some patterns does: nearly all texts match none of them. */
function anyOf(patterns: readonly Pattern[]): RegExp | undefined {
  const flags = patterns[0]?.flags;
  const canJoin = patterns.every((one) => one.flags === flags && !notToJoin.test(one.source));
  return flags !== undefined && canJoin
    ? new RegExp(patterns.map(({ source }) => `(?:${source})`).join("|"), flags)
    : undefined;
}

/**
 * Each place under a piece of its text, of which the fewest have the same; under one of each alternative, if it has
 * those. `others` have no text.
 */
function sortPatterns(all: readonly (readonly Either[])[]) {
  const byPiece = new Map<string, number[]>();
  const others: number[] = [];
  for (const [place, texts] of all.entries()) {
    const pieces = piecesFor(texts, byPiece);
    if (pieces.length === 0) {
      others.push(place);
    }
    for (const piece of new Set(pieces)) {
      const places = byPiece.get(piece);
      if (places === undefined) {
        byPiece.set(piece, [place]);
      } else {
        places.push(place);
      }
    }
  }
  const lengths = [...new Set([...byPiece.keys()].map(({ length }) => length))];
  return { byPiece, lengths, others };
}

type Pieces = ReadonlyMap<string, readonly number[]>;

/** The rarest piece of all that is long enough; else one of each alternative of what is longest. */
function piecesFor(texts: readonly Either[], known: Pieces): string[] {
  const long = texts.filter((either) => either.length === 1 && (either[0]?.length ?? 0) >= pieceLength);
  return long.length > 0
    ? [
        rarestIn(
          long.map(([text = ""]) => text),
          known,
        ),
      ]
    : (bestOf(texts) ?? []).map((text) => rarestIn([text], known));
}

/** @param texts not empty, and none of them is "" */
function rarestIn(texts: readonly string[], known: Pieces): string {
  let rarest = "";
  let least = Infinity;
  for (const text of texts) {
    const length = Math.min(pieceLength, text.length);
    for (let at = 0; at + length <= text.length && least > 0; at++) {
      const piece = text.slice(at, at + length);
      const count = known.get(piece)?.length ?? 0;
      if (count < least) {
        [rarest, least] = [piece, count];
      }
    }
  }
  return rarest;
}
