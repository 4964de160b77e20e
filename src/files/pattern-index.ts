/**
 * The first of many patterns that matches a text, without trying all of them: nearly every pattern holds plain text
 * that a match must hold too, and only those are tried whose text occurs.
 */
import { foldAscii } from "../mail/address.ts";
import type { Pattern } from "./patterns.ts";

/** Characters of a piece of plain text: enough that few patterns share one. */
const pieceLength = 4;
/** Fewer patterns are tried one after another: that costs less than looking for pieces. */
const few = 16;

/** What a pattern is made of, in JavaScript's notation: words, escapes, classes, signs. */
const tokens =
  /[\w@-]+(?![*?{])|\\x[0-9a-f]{2}|\\k<\w+>|\\\d+|\\.|\[(?:\\.|[^\]\\])*\]|\(\?<?[=!:]|\(\?<\w+>|\{\d*,?\d*\}|[^]/gi;
const plainEscape = /^\\[^A-Za-z0-9]$/;
const meta = /^[\^$.|()*+?[\]{}\\]/;

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
  const { byPiece, others } = sortPatterns(patterns.map(({ source }) => piecesOf(requiredTexts(source))));
  return {
    find(text) {
      const places = [...others];
      for (const piece of piecesOf([foldAscii(text.slice(0, longest))])) {
        for (const place of byPiece.get(piece) ?? []) {
          places.push(place);
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

/** Each place under that of its pieces which the fewest have so far; `others` have none. @param all the pieces of each pattern */
function sortPatterns(all: readonly (readonly string[])[]) {
  const byPiece = new Map<string, number[]>();
  const others: number[] = [];
  for (const [place, pieces] of all.entries()) {
    let least = pieces.length === 0 ? others : undefined;
    let rarest = "";
    for (const piece of pieces) {
      const places = byPiece.get(piece) ?? [];
      if (least === undefined || places.length < least.length) {
        [least, rarest] = [places, piece];
      }
    }
    least?.push(place);
    if (least !== undefined && least !== others) {
      byPiece.set(rarest, least);
    }
  }
  return { byPiece, others };
}

function piecesOf(texts: readonly string[]): string[] {
  const pieces: string[] = [];
  for (const text of texts) {
    for (let at = 0; at + pieceLength <= text.length; at++) {
      pieces.push(text.slice(at, at + pieceLength));
    }
  }
  return pieces;
}

/**
 * Texts that are in every match of a pattern, in lower case. What is within brackets does not count, and a choice at the
 * outermost level leaves none. @param source in JavaScript's notation
 */
export function requiredTexts(source: string): string[] {
  const texts: string[] = [];
  let text = "";
  let depth = 0;
  const end = (): void => {
    texts.push(foldAscii(text));
    text = "";
  };
  for (const [token] of source.matchAll(tokens)) {
    if (token === "|" && depth === 0) {
      return [];
    }
    depth += token.startsWith("(") ? 1 : token === ")" ? -1 : 0;
    if (/^[*?]|^\{\d*,?\d*\}$/.test(token)) {
      // The character before it need not be there.
      text = text.slice(0, -1);
      end();
    } else if (depth > 0 || !isPlain(token)) {
      end();
    } else {
      text += token.startsWith("\\") ? token.slice(1) : token;
    }
  }
  end();
  return texts.filter((one) => one !== "");
}

/** Only ASCII: of other letters, JavaScript's two cases are not those of {@link foldAscii}. */
function isPlain(token: string): boolean {
  return plainEscape.test(token) || (!meta.test(token) && /^[\x20-\x7e]+$/.test(token));
}
