/** The configurations of other mail servers on docs/lookups.md, which the tests use as they are but for ports. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const page = readFileSync(join(import.meta.dirname, "../../docs/lookups.md"), "utf8");

/**
 * The first block of a section that has a text.
 * @param places what the page has → what the test has instead
 * @throws Error if the page has no such block, or a block no such place
 */
export function blockOf(heading: string, has: string, places: Readonly<Record<string, string>> = {}): string {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const blocks = [...section.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, block]) => block ?? "");
  let block = blocks.find((each) => each.includes(has));
  if (block === undefined) {
    throw new Error(`No block with "${has}" in section "${heading}"`);
  }
  for (const [theirs, ours] of Object.entries(places)) {
    if (!block.includes(theirs)) {
      throw new Error(`No "${theirs}" in the block with "${has}" in section "${heading}"`);
    }
    block = block.replaceAll(theirs, ours);
  }
  return block;
}
