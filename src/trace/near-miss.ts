/** An address that is one slip of the finger away from a refused one: whom a stranger's typing, or a rename, misses. */

const letters = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
/** A longer user part is nobody's. */
const longest = 40;

/** User parts that differ by one letter: left out, swapped, another, or one more. */
export function* slipsOf(user: string): Generator<string, void, undefined> {
  if (user.length > longest) {
    return;
  }
  for (let i = 0; i <= user.length; i++) {
    const [head, tail] = [user.slice(0, i), user.slice(i)];
    if (tail.length > 0) {
      yield head + tail.slice(1);
    }
    if (tail.length > 1) {
      yield `${head}${tail[1]}${tail[0]}${tail.slice(2)}`;
    }
    for (const letter of letters) {
      yield head + letter + tail;
      if (tail.length > 0) {
        yield head + letter + tail.slice(1);
      }
    }
  }
}

/**
 * The first address near by that exists; undefined: none does.
 * @param exists whether a user part is known, in the same domain
 */
export function nearMiss(user: string, exists: (user: string) => boolean): string | undefined {
  const lower = user.toLowerCase();
  for (const slip of slipsOf(lower)) {
    if (slip !== "" && slip !== lower && exists(slip)) {
      return slip;
    }
  }
  return undefined;
}
