/** Notes, for the next syncs of this machine, that an unchanged list was found to be that of its sources again. */
import { lookPath } from "../../src/files/last-look.ts";
import type { Looked } from "../../src/files/last-look.ts";
import { replaceFile } from "../../src/files/replace.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";

/** Writes it. @param created of the list, ms since 1970 @throws what the file system throws */
export function noteLook(path: string, created: number, rows: readonly SourceRow[]): void {
  const sources = Object.fromEntries(
    rows.map(({ name, readAt, triedAt, reached }) => [name, { readAt, triedAt, reached }]),
  );
  replaceFile(lookPath(path), `${JSON.stringify({ created, sources } satisfies Looked)}\n`, { likeFolder: true });
}
