/** Runs what only looks: its files are in a folder of their own that goes afterwards, and nobody is locked out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeWriteError } from "../outcome.ts";

/**
 * Runs it with the path beside which it may write. What is thrown is an outcome.
 * @param parent where the folder is made; default: $TMPDIR
 */
export async function runAside<T>(
  run: (path: string) => Promise<T>,
  parent = tmpdir(),
): Promise<T | { readonly kind: "failed"; readonly why: string }> {
  let folder = "";
  try {
    folder = mkdtempSync(join(parent, "goodmailto-"));
    return await run(join(folder, "snapshot"));
  } catch (error) {
    return { kind: "failed", why: describeWriteError(error, folder === "" ? parent : folder) };
  } finally {
    if (folder !== "") {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
