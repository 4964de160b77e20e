/** The configuration file to checked settings, or to all its errors at once with file:line:column. */
import { existsSync } from "node:fs";

import type * as z from "zod";

import type { FileOwner } from "./field-meta.ts";
import { readConfigText } from "./config-text.ts";
import { noteGiven } from "./given-values.ts";
import { issueFindings } from "./issue-words.ts";
import { readGiven } from "./read-given.ts";
import { relationFaults } from "./relations.ts";
import type { createSchema, Settings } from "./sections.ts";
import { fileFields, resolveFiles, resolvePath, unreadable } from "./setting-files.ts";
import { valueAt, withLists } from "./shape.ts";
import { readToml } from "./toml.ts";
import type { Fault, TomlFile } from "./toml.ts";

type Schema = ReturnType<typeof createSchema>;

/** A file that passed, or did not. */
export type Loaded =
  | { readonly kind: "ok"; readonly settings: Settings; readonly given: TomlFile; readonly schema: Schema }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** The schema that fits a file: it depends on the checks that the file loads, and on those that it has several times. */
export type SchemaFor = (value: unknown, file: string) => Fitting;

/** A schema, and what went wrong on the way to it. */
export interface Fitting {
  readonly schema: Schema;
  readonly faults: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}

/**
 * Reads and checks the file.
 * @param whose the files that a setting names must be readable for this process
 */
export function loadConfig(file: string, schemaFor: SchemaFor, whose: readonly FileOwner[]): Loaded {
  const text = readConfigText(file);
  return typeof text === "string" ? checkConfig(text, file, schemaFor, whose) : { kind: "faults", faults: [text] };
}

/** As {@link loadConfig}, with the text at hand. Relative paths are taken from the file's folder. */
export function checkConfig(text: string, file: string, schemaFor: SchemaFor, whose: readonly FileOwner[]): Loaded {
  const toml = readToml(text, file);
  if ("message" in toml) {
    return { kind: "faults", faults: [toml] };
  }
  const { schema, faults: early } = schemaFor(toml.value, file);
  const values = withLists(schema, toml.value);
  const parsed = parse(schema, values);
  const found = "settings" in parsed ? [] : parsed.issues.flatMap((issue) => issueFindings(issue, schema, values));
  const faults = [...early, ...found].map(({ path, message }) => toml.fault(path, message));
  for (const { path, value, owner, mayBeMissing } of fileFields(schema, values, [])) {
    const full = resolvePath(file, value);
    const isFine = !whose.includes(owner) || (mayBeMissing && !existsSync(full));
    const problem = isFine ? undefined : unreadable(full);
    if (problem !== undefined) {
      faults.push(toml.fault(path, problem));
    }
  }
  if ("settings" in parsed) {
    faults.push(...relationFaults(parsed.settings, toml.fault, (...path) => valueAt(values, path) !== undefined));
  }
  if (faults.length > 0 || !("settings" in parsed)) {
    return { kind: "faults", faults: faults.sort((a, b) => a.line - b.line || a.column - b.column) };
  }
  const settings = resolveFiles(parsed.settings, schema, file);
  noteGiven(settings, values);
  return { kind: "ok", settings, given: toml, schema };
}

/** All that is wrong is found by parsing all, which takes longer. */
function parse(
  schema: Schema,
  values: unknown,
): { readonly settings: Settings } | { readonly issues: readonly z.core.$ZodIssue[] } {
  const given = readGiven(schema, values);
  if (given !== undefined) {
    // It has been read by this schema.
    return { settings: given.settings as Settings };
  }
  const parsed = schema.safeParse(values);
  return parsed.success ? { settings: parsed.data } : { issues: parsed.error.issues };
}
