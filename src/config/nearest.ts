/** The word that was probably meant: "hostnme" is nearest to "hostname". */

/** Letters that may be wrong, missing, too many or swapped, by the length of the word. */
function tolerance(word: string): number {
  return word.length < 4 ? 1 : word.length < 8 ? 2 : 3;
}

/** The nearest of some words; undefined if none is near. Letter case, `-` and `_` make no difference. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  // What is much longer than any word is none of them, and would take long to compare.
  const given = plain(word.slice(0, 64));
  const ranked = words
    .map((candidate) => ({ candidate, distance: distance(given, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= tolerance(given) && best.distance < best.candidate.length
    ? best.candidate
    : undefined;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll("-", "_");
}

/** Edits from one word to the other, a swap of neighbours being one (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? Infinity) + 1 : Infinity;
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same, swapped));
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
