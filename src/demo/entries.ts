/** The entries of the embedded directory: found by base and scope, with the attributes that a search asks for. RFC 4511 4.5.1. */
import { matches } from "./filter.ts";
import type { Filter, Value } from "./filter.ts";

/** One object of the directory, as an LDIF file gives it. */
export interface DirectoryEntry {
  readonly dn: string;
  /** Attribute names in any letter case. */
  readonly attributes: Readonly<Record<string, readonly Value[]>> | ReadonlyMap<string, readonly Value[]>;
}

/** An attribute with its name as it is written. */
export interface Attribute {
  readonly name: string;
  readonly values: readonly Value[];
}

/** An entry, prepared for searches. */
export interface IndexedEntry {
  readonly dn: string;
  /** Relative names from the root downwards, each in its normal form. */
  readonly path: readonly string[];
  /** By lower-case name. */
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** baseObject, singleLevel, wholeSubtree; subordinates is a common extension. */
export const scopes = ["base", "one", "sub", "subordinates"] as const;
export type SearchScope = (typeof scopes)[number];

/** A DN as a path from the root: `cn=A,o=B` is `["o=b", "cn=a"]`. Escapes are resolved, letter case and blanks dropped. RFC 4514. */
export function readPath(dn: string): string[] {
  const names = dn.trim() === "" ? [] : splitUnescaped(dn);
  return names
    .map((name) =>
      unescapeName(name)
        .toLowerCase()
        .trim()
        .replaceAll(/\s*=\s*/g, "=")
        .replaceAll(/\s+/g, " "),
    )
    .reverse();
}

function splitUnescaped(dn: string): string[] {
  return dn.match(/(?:\\.|[^\\,;])+/gs) ?? [];
}

function unescapeName(name: string): string {
  const bytes = name.replaceAll(/(?:\\[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll("\\", ""), "hex").toString("utf8"),
  );
  return bytes.replaceAll(/\\(.)/gs, "$1");
}

/** Prepares entries; an attribute that is named twice in different letter case is one. */
export function indexEntries(entries: Iterable<DirectoryEntry>): IndexedEntry[] {
  return Array.from(entries, indexEntry);
}

/** Prepares one entry. */
export function indexEntry({ dn, attributes }: DirectoryEntry): IndexedEntry {
  const index = new Map<string, Attribute>();
  for (const [name, values] of isMap(attributes) ? attributes : Object.entries(attributes)) {
    const before = index.get(name.toLowerCase());
    index.set(name.toLowerCase(), { name: before?.name ?? name, values: [...(before?.values ?? []), ...values] });
  }
  return { dn, path: readPath(dn), attributes: index };
}

function isMap(attributes: DirectoryEntry["attributes"]): attributes is ReadonlyMap<string, readonly Value[]> {
  return attributes instanceof Map;
}

/** The entries in scope that match; undefined if there is no such base. */
export function findEntries(
  entries: readonly IndexedEntry[],
  base: readonly string[],
  scope: SearchScope,
  filter: Filter,
): IndexedEntry[] | undefined {
  const below = entries.filter(({ path }) => base.every((name, i) => path[i] === name));
  // The root has no entry of its own; a base above the first entries (a naming context) exists as well.
  if (below.length === 0 && base.length > 0) {
    return undefined;
  }
  return below.filter(
    ({ path, attributes }) =>
      isInScope(path.length - base.length, scope) && matches(filter, (name) => attributes.get(name)?.values),
  );
}

function isInScope(depth: number, scope: SearchScope): boolean {
  switch (scope) {
    case "base":
      return depth === 0;
    case "one":
      return depth === 1;
    case "sub":
      return true;
    case "subordinates":
      return depth > 0;
  }
}

/** The attributes asked for: none named or `*` is all of them, `1.1` is none. */
export function selectAttributes({ attributes }: IndexedEntry, asked: readonly string[]): Attribute[] {
  const names = new Set(asked.map((name) => name.toLowerCase()));
  if (names.size === 0 || names.has("*")) {
    return [...attributes.values()];
  }
  return [...attributes].filter(([name]) => names.has(name)).map(([, attribute]) => attribute);
}

/** The tops of the tree: entries whose parent is not there. */
export function namingContexts(entries: readonly IndexedEntry[]): string[] {
  const paths = new Set(entries.map(({ path }) => path.join(",")));
  return entries.filter(({ path }) => !paths.has(path.slice(0, -1).join(","))).map(({ dn }) => dn);
}
