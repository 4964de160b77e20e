/** Runs what changes the snapshot under the lock, and leaves no temporary file whatever happens. */
import { dirname } from "node:path";

import type { Log } from "../../src/report/log.ts";
import { acquireLock } from "../list/lock.ts";
import { describeWriteError } from "../outcome.ts";
import { removeTemporary } from "../list/temporary.ts";

/** Runs it, unless another process does. What is thrown is an outcome. */
export async function runAlone<T>(
  path: string,
  log: Log,
  run: () => Promise<T>,
): Promise<T | { readonly kind: "failed"; readonly why: string } | { readonly kind: "busy" }> {
  try {
    const lock = acquireLock(path);
    if (lock === undefined) {
      return { kind: "busy" };
    }
    try {
      const leftovers = removeTemporary(path);
      if (leftovers > 0) {
        log.warning("sync", "removed files of an interrupted sync", { files: leftovers });
      }
      return await run();
    } finally {
      removeTemporary(path);
      lock.release();
    }
  } catch (error) {
    return { kind: "failed", why: describeWriteError(error, dirname(path)) };
  }
}
