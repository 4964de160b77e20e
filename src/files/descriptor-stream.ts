/**
 * Reads a file that is open, and leaves it open: destroy() of a stream of node:fs closes its descriptor whatever autoClose
 * says. Its owner would close it once more, and the number may be another file's, or a connection's, by then.
 */
import { createReadStream, read } from "node:fs";
import type { ReadStream } from "node:fs";

/** From the beginning. @param size bytes, at least one @param signal ends it */
export function streamOf(descriptor: number, size: number, signal?: AbortSignal): ReadStream {
  return createReadStream("", {
    fd: descriptor,
    start: 0,
    end: size - 1,
    fs: { read, close: leaveOpen },
    ...(signal === undefined ? {} : { signal }),
  });
}

function leaveOpen(_descriptor: number, done: (error: null) => void): void {
  done(null);
}
