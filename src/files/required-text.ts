/** The plain text that every match of a pattern holds, as far as that can be told from the pattern alone. */
import { foldAscii } from "../mail/address.ts";

/** Texts in lower case, of which every match holds at least one. */
export type Either = readonly string[];

/** What a pattern is made of, in JavaScript's notation: words, escapes, classes, signs. */
const tokens =
  /[\w@-]+(?![*?{])|\\x[0-9a-f]{2}|\\k<\w+>|\\\d+|\\.|\[(?:\\.|[^\]\\])*\]|\(\?<?[=!:]|\(\?<\w+>|\{\d*,?\d*\}|[^]/gi;
const plainEscape = /^\\[^A-Za-z0-9]$/;
const meta = /^[\^$.|()*+?[\]{}\\]/;
const mayBeAbsent = /^[*?]|^\{\d*,?\d*\}$/;
/** Alternatives beyond this are as good as none: a pattern would be everywhere. */
const mostAlternatives = 20;

/** A pair of brackets, or the whole pattern. */
interface Group {
  /** What is around a match is not in it. */
  readonly isAround: boolean;
  /** Of each alternative so far. */
  readonly alternatives: (Either | undefined)[];
  /** Of the alternative that is being read: all of these hold. */
  all: Either[];
}

/** Reads a pattern. Every member of the result holds for every match; none: nothing is known. @param source in JavaScript's notation */
export function requiredTexts(source: string): readonly Either[] {
  const reading = new Reading();
  for (const [token] of source.matchAll(tokens)) {
    reading.take(token);
  }
  return reading.end();
}

/** One reading of one pattern. */
class Reading {
  readonly #open: Group[] = [];
  #group: Group = { isAround: false, alternatives: [], all: [] };
  #text = "";
  /** A group whose quantifier, if it has one, comes next. */
  #closed: Either | undefined;

  take(token: string): void {
    if (mayBeAbsent.test(token)) {
      // The group or character before it.
      this.#closed = undefined;
      this.#text = this.#text.slice(0, -1);
      this.#keep();
    } else if (isPlain(token)) {
      if (this.#closed !== undefined) {
        this.#keep();
      }
      this.#text += token.startsWith("\\") ? token.slice(1) : token;
    } else {
      this.#keep();
      this.#takeSign(token);
    }
  }

  end(): readonly Either[] {
    this.#keep();
    if (this.#group.alternatives.length === 0) {
      return this.#group.all;
    }
    const either = close(this.#group);
    return either === undefined ? [] : [either];
  }

  #takeSign(token: string): void {
    if (token === "|") {
      this.#group.alternatives.push(bestOf(this.#group.all));
      this.#group.all = [];
    } else if (token.startsWith("(")) {
      this.#open.push(this.#group);
      this.#group = { isAround: /[=!]$/.test(token), alternatives: [], all: [] };
    } else if (token === ")") {
      this.#closed = close(this.#group);
      this.#group = this.#open.pop() ?? this.#group;
    }
  }

  /** What was read so far is in every match. */
  #keep(): void {
    if (this.#closed !== undefined) {
      this.#group.all.push(this.#closed);
      this.#closed = undefined;
    }
    if (this.#text !== "") {
      this.#group.all.push([foldAscii(this.#text)]);
      this.#text = "";
    }
  }
}

/** What a match of one of the alternatives holds. */
function close({ isAround, alternatives, all }: Group): Either | undefined {
  const either = [...alternatives, bestOf(all)];
  if (isAround || either.includes(undefined)) {
    return undefined;
  }
  const texts = either.flatMap((one) => one ?? []);
  return texts.length > mostAlternatives ? undefined : texts;
}

/** The one that is to be found in the fewest texts, by its length; undefined if there is none. */
export function bestOf(all: readonly Either[]): Either | undefined {
  let best: Either | undefined;
  let most = 0;
  for (const either of all) {
    const shortest = Math.min(...either.map(({ length }) => length));
    if (shortest > most) {
      [best, most] = [either, shortest];
    }
  }
  return best;
}

/** Only ASCII: of other letters, JavaScript's two cases are not those of {@link foldAscii}. */
function isPlain(token: string): boolean {
  return plainEscape.test(token) || (!meta.test(token) && /^[\x20-\x7e]+$/.test(token));
}
