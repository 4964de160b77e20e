/** The words behind the name of a plugin: `key value`, `key=value`, or by their place, as each plugin likes. */

/** The arguments of a plugin line. */
export class Arguments {
  readonly words: readonly string[];

  constructor(words: readonly string[]) {
    this.words = words;
  }

  /** The value of a key, in either form; the last one counts. */
  get(key: string): string | undefined {
    const lower = key.toLowerCase();
    let found: string | undefined;
    this.words.forEach((word, i) => {
      if (word.toLowerCase().startsWith(`${lower}=`)) {
        found = word.slice(key.length + 1);
      } else if (word.toLowerCase() === lower) {
        found = this.words[i + 1] ?? "";
      }
    });
    return found;
  }

  /** A whole number of a key; undefined if there is none. */
  number(key: string): number | undefined {
    return wholeNumber(this.get(key));
  }

  /** The word at a place, from 0. */
  at(place: number): string | undefined {
    return this.words[place];
  }
}

/** A whole number that is written with digits alone. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
