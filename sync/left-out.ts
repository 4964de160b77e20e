/** What gave no address, and why: for people who look for one that they miss. */

/** One value. An entry that takes no mail at all is here with the attribute that says so. */
export interface LeftOut {
  /** The entry's DN, or "file:line". */
  readonly entry: string;
  /** In lower case; "" in a list, which has none. */
  readonly attribute: string;
  /** Its first characters. */
  readonly value: string;
  readonly why: string;
}

/** Characters of a value that are kept. */
const maxValue = 300;

/** Takes a text that gives no address. */
export type LeaveOut = (text: string, why: string) => void;

/** The values of one batch that were left out. */
export interface LeftOuts {
  readonly left: LeftOut[];
  /** How many, by why. */
  readonly skipped: Record<string, number>;
  /** For the values of one attribute of an entry. */
  of(entry: string, attribute: string): LeaveOut;
}

/** None so far. */
export function createLeftOuts(): LeftOuts {
  const left: LeftOut[] = [];
  const skipped: Record<string, number> = {};
  return {
    left,
    skipped,
    of: (entry, attribute) => (text, why) => {
      left.push({ entry, attribute, value: text.slice(0, maxValue), why });
      skipped[why] = (skipped[why] ?? 0) + 1;
    },
  };
}

/** Values of one reason that a person is shown. */
const mostShown = 10;

/** For people: each reason with its number, and under it the first of its values. */
export function leftOutLines(skipped: Readonly<Record<string, number>>, left: readonly LeftOut[]): string[] {
  return Object.entries(skipped).flatMap(([why, count]) => {
    const shown = left.filter((one) => one.why === why).slice(0, mostShown);
    const more = count - shown.length;
    return [
      `left out: ${count} ${why}`,
      ...shown.map(
        ({ attribute, value, entry }) =>
          `  ${attribute === "" ? "" : `${attribute} `}${JSON.stringify(value)} of ${entry}`,
      ),
      ...(more > 0 ? [`  and ${more} more, see --json`] : []),
    ];
  });
}
