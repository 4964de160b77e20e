/** The text of a dialogue file as its blocks. */

export interface Block {
  readonly name: string;
  /** What stands behind the name. */
  readonly argument: string;
  /** Of its first line, from 1. */
  readonly line: number;
  readonly lines: readonly string[];
}

/** Splits a file into its blocks. Text before the first one is its description. */
export function parseDialogue(text: string): Block[] {
  const blocks: { name: string; argument: string; line: number; lines: string[] }[] = [];
  text.split("\n").forEach((line, i) => {
    const match = /^=== (\S+) ?(.*)$/.exec(line);
    if (match !== null) {
      blocks.push({ name: match[1] ?? "", argument: match[2] ?? "", line: i + 2, lines: [] });
    } else {
      blocks.at(-1)?.lines.push(line);
    }
  });
  return blocks;
}

export const body = (block: Block | undefined): string => (block?.lines ?? []).join("\n");

/** Those of a name, in order. */
export const named = (blocks: readonly Block[], name: string): Block[] => blocks.filter((block) => block.name === name);

/** Its lines without blank ones and comments. */
export const filled = (block: Block): string[] =>
  block.lines.map((line) => line.trimEnd()).filter((line) => line !== "" && !line.startsWith("# "));
