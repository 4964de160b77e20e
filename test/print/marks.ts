/** A page of docs/ of which one part, between two comments, is printed and the rest is written by hand. */
import { readFileSync } from "node:fs";

/** The page as it should be. @param mark the part is between `<!-- mark -->` and `<!-- /mark -->` */
export function inMarks(page: string, mark: string, printed: string): string {
  const [start, end] = [`<!-- ${mark} -->\n`, `<!-- /${mark} -->`];
  const [head = "", rest = ""] = readFileSync(page, "utf8").split(start);
  const [, tail] = rest.split(end);
  if (tail === undefined) {
    throw new SyntaxError(`${page} has no place for ${mark}`);
  }
  return `${head}${start}\n${printed}\n\n${end}${tail}`;
}
