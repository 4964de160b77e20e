/** The configuration file to checked settings, or to all its errors at once with file:line:column. */
import { existsSync } from "node:fs";

import type { FileOwner } from "./field-meta.ts";
import { readConfigText } from "./config-text.ts";
import { issueFindings } from "./issue-words.ts";
import { relationFaults } from "./relations.ts";
import type { createSchema, Settings } from "./sections.ts";
import { fileFields, resolveFiles, resolvePath, unreadable } from "./setting-files.ts";
import { withLists } from "./shape.ts";
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
  const parsed = schema.safeParse(values);
  const faults = [
    ...early,
    ...(parsed.error?.issues ?? []).flatMap((issue) => issueFindings(issue, schema, values)),
  ].map(({ path, message }) => toml.fault(path, message));
  for (const { path, value, owner, mayBeMissing } of fileFields(schema, values, [])) {
    const full = resolvePath(file, value);
    const isFine = !whose.includes(owner) || (mayBeMissing && !existsSync(full));
    const problem = isFine ? undefined : unreadable(full);
    if (problem !== undefined) {
      faults.push(toml.fault(path, problem));
    }
  }
  if (parsed.success) {
    faults.push(...relationFaults(parsed.data, toml.fault));
  }
  if (faults.length > 0 || !parsed.success) {
    return { kind: "faults", faults: faults.sort((a, b) => a.line - b.line || a.column - b.column) };
  }
  return { kind: "ok", settings: resolveFiles(parsed.data, schema, file), given: toml, schema };
}
