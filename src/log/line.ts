/**
 * A line on its way to the sinks. That of a recipient is octets, in memory that is used again: as a text it would be made
 * and encoded once more for each of them.
 */

/** A text, or octets; whoever keeps it, or makes another of it, makes a text of it first. */
export type Line = string | Octets;

/** Printable ASCII, until the next line is made. */
export interface Octets {
  readonly memory: Buffer;
  readonly length: number;
}

/** Room for a line; a longer one is a text. */
const most = 4096;

/** A line that is made of words: joined by `+`, there would be an object for each of them until somebody reads the text. */
export class Joint implements Octets {
  readonly memory: Buffer = Buffer.allocUnsafeSlow(most);
  length = 0;

  /** Puts a word behind the others. @returns false: it is not printable ASCII, or has no room */
  add(word: string): boolean {
    const { memory, length } = this;
    if (length + word.length > most) {
      return false;
    }
    for (let i = 0; i < word.length; i++) {
      const unit = word.charCodeAt(i);
      if (unit < 0x20 || unit > 0x7e) {
        return false;
      }
      memory[length + i] = unit;
    }
    this.length = length + word.length;
    return true;
  }
}

/** As a text, without its line feed. */
export function textOf(line: Line): string {
  return typeof line === "string" ? line : line.memory.toString("latin1", 0, line.length);
}
