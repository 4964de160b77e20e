/** What becomes of a source that could not be read: it keeps its previous rows, if there are any. */
import type { SourceRow } from "../../src/snapshot/format.ts";
import type { Previous } from "../list/previous.ts";
import type { ReadResult } from "../read/read.ts";
import type { Scratch } from "../read/scratch.ts";
import type { Source } from "../source.ts";

/** Why nothing may be published although no guard has looked yet: people of an unread source would be refused. */
export function refuseUnread(
  results: readonly ReadResult[],
  previous: Previous | undefined,
  acceptMissing = false,
): string | undefined {
  const failed = results.filter(({ fault }) => fault !== "");
  if (failed.length === results.length) {
    return failed.length === 0 ? "There is no [[source]]" : `No source could be read: ${failed[0]?.fault ?? ""}`;
  }
  const unknown = failed.find(({ name }) => (previous?.sources.get(name)?.rows ?? 0) === 0);
  if (unknown === undefined || acceptMissing) {
    return undefined;
  }
  return (
    `Source "${unknown.name}" failed and the snapshot has no rows of it, so its recipients would be refused: ` +
    `${unknown.fault}. To publish without it, run \`goodmailto sync --accept-missing\``
  );
}

/** The source's row; if it failed, its previous rows go into the scratch file again. */
export function freeze(
  { name, domains }: Source,
  id: number,
  result: ReadResult | undefined,
  scratch: Scratch,
  previous: Previous | undefined,
): SourceRow {
  const { triedAt = 0, fault = "", entries = 0 } = result ?? {};
  const row = { name, domains: domains.join(" "), triedAt, fault };
  if (fault === "") {
    return { ...row, readAt: triedAt, entries, reached: result?.reached ?? "" };
  }
  for (const rows of previous?.rowsOf(name) ?? []) {
    scratch.add(id, rows);
  }
  const old = previous?.sources.get(name);
  return { ...row, readAt: old?.readAt ?? 0, entries: old?.entries ?? 0, reached: old?.reached ?? "" };
}
