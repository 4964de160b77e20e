/** What runs beside the relay of a dialogue. */
import type { Block } from "./blocks.ts";

/** Something that runs. */
export interface Neighbour {
  /** What stands for its places in the other blocks. */
  readonly places: Readonly<Record<string, string>>;
  /** What it has logged so far. */
  log?(): string;
  /** Does what the words of a step say. */
  obey?(words: readonly string[]): Promise<unknown>;
  /** Compares what it has with a block, at the end. */
  check?(block: Block): void;
  close(): unknown;
}

/** Starts one. @param fill puts the places of those before it into a text */
export type Start = (block: Block, fill: (text: string) => string) => Promise<Neighbour>;
