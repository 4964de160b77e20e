/** Keys that Postfix takes for different ones: one that is twice in a table makes all of it unusable. */
import { isBeyondAscii } from "../mail/octets.ts";

/** As ICU folds for Postfix, whose "groß" is "gross"; of ı the upper case is another letter's. */
function folded(key: string): string {
  const lower = key.toLowerCase().replaceAll(/[^ı]+/gu, (part) => part.toUpperCase().toLowerCase());
  return lower.replaceAll("ς", "σ");
}

/** Of those that are one to Postfix the first; one in ASCII goes before others. */
export function distinct(keys: Iterable<string>): string[] {
  const all = [...keys];
  const wide = all.filter(isBeyondAscii);
  if (wide.length === 0) {
    return all;
  }
  const seen = new Set(all.filter((key) => !isBeyondAscii(key)));
  const left = new Set<string>();
  for (const key of wide) {
    const form = folded(key);
    if (seen.has(form)) {
      left.add(key);
    }
    seen.add(form);
  }
  return all.filter((key) => !left.has(key));
}
