/**
 * A small file of JSON that another program keeps beside the snapshot, read by a relay that has other things to do:
 * nobody who may write there can hold it up, by a pipe without a writer or by a file without an end.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Bytes. */
const mostBytes = 1_000_000;

/** What is in it. @throws Error where there is no such file, or it is not such a one */
export function readJsonFile(path: string): unknown {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(file);
    if (!facts.isFile() || facts.size > mostBytes) {
      throw new Error(`Cannot read "${path}": it is no file of at most ${mostBytes} bytes`);
    }
    const bytes = Buffer.alloc(facts.size);
    return JSON.parse(bytes.toString("utf8", 0, readSync(file, bytes)));
  } finally {
    closeSync(file);
  }
}
