/** Where the bare user parts of one source are valid. */
import type { SourceRow } from "./format.ts";

/** One source, compiled. */
export interface Scope {
  readonly name: string;
  covers(domain: string): boolean;
}

/** Compiles it. */
export function compileScope(row: SourceRow): Scope {
  const names = row.domains.split(" ").filter((name) => name !== "");
  const exact = new Set(names.filter((name) => !name.startsWith(".")));
  const suffixes = names.filter((name) => name.startsWith("."));
  const covers = (domain: string): boolean =>
    names.length === 0 || domain === "" || exact.has(domain) || suffixes.some((suffix) => domain.endsWith(suffix));
  return { name: row.name, covers };
}
