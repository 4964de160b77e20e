/** Questions of one line each, which ends in LF or CR LF. */
import type { Taken } from "../protocol.ts";

/**
 * Takes a line.
 * @param fault what is said of one that is too long
 * @param mayLackEnd the last line of a connection counts without its LF
 */
export function takeLine(input: Buffer, longest: number, fault: string, mayLackEnd = false): Taken<string> | undefined {
  const end = input.indexOf(0x0a);
  if (end > longest || (end < 0 && input.length > longest)) {
    return { fault };
  }
  if (end < 0) {
    return mayLackEnd && input.length > 0 ? { request: lineOf(input, input.length), octets: input.length } : undefined;
  }
  return { request: lineOf(input, end), octets: end + 1 };
}

function lineOf(input: Buffer, end: number): string {
  return input.toString("latin1", 0, end > 0 && input[end - 1] === 0x0d ? end - 1 : end);
}
