/** The first line of a small file that somebody else may have written: never a pipe, a link, or more than a line. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

import { within } from "../wait/within.ts";

const maxBytes = 512;
/** A file system that does not answer must not hold a client; ms. */
const patience = 2000;

/** Undefined if there is none, or none within two seconds. */
export async function firstLine(path: string): Promise<string | undefined> {
  return within(read(path), patience, `no answer in ${patience} ms`).catch(() => undefined);
}

async function read(path: string): Promise<string | undefined> {
  try {
    // Without O_NONBLOCK, opening a pipe waits for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    if (!(await file.stat()).isFile()) {
      return undefined;
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    const text = buffer.toString("utf8", 0, bytesRead);
    const [line = ""] = text.split("\n", 1);
    return line.length === text.length && bytesRead === maxBytes ? undefined : line.trim();
  } catch {
    return undefined;
  }
}
