/** A small text file as it was at most a second ago: a signature, a template. */
import { readFileSync, statSync } from "node:fs";

import { decodeText } from "./list-reader.ts";
import { Watched } from "./watched.ts";

const maxBytes = 16_384;
const maxLine = 900;

/**
 * The text with LF line endings; undefined while there was never one that could be read.
 * @param now ms
 * @param fault is called once with the reason if it cannot be read; the previous text stays
 */
export function openText(path: string, now: () => number, fault: (why: string) => void): Watched<string | undefined> {
  const make = () => {
    const facts = statSync(path);
    // A pipe or device could block every session.
    if (!facts.isFile() || facts.size > maxBytes) {
      throw new RangeError(`Cannot read "${path}": not a plain file of at most ${maxBytes} bytes`);
    }
    const text = decodeText(readFileSync(path)).replaceAll("\r\n", "\n");
    // RFC 5321 4.5.3.1.6, with room for line endings.
    if (/[\0\r]/.test(text) || text.split("\n").some((line) => Buffer.byteLength(line) > maxLine)) {
      throw new RangeError(`Cannot use "${path}": a bare CR, a NUL, or a line of more than ${maxLine} bytes`);
    }
    return { value: text, looked: [path] };
  };
  return new Watched<string | undefined>(undefined, [path], make, now, fault);
}
