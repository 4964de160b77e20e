/** Writes TOML: the sample file from the schema's declarations, and the effective values of a loaded file. */
import type * as z from "zod";

import { definitionOf, valueAt } from "./shape.ts";
import { fieldMeta } from "./fields.ts";
import type { FieldMeta } from "./field-meta.ts";
import type { createSchema, Settings } from "./sections.ts";
import { mask, tomlValue } from "./toml-value.ts";
import type { TomlFile } from "./toml.ts";

type Schema = ReturnType<typeof createSchema>;

/** One setting or section on the way through the schema. */
interface Row {
  readonly path: readonly string[];
  readonly type: z.ZodType;
  readonly repeated: boolean;
}

/** The sections in the schema's order, those within sections after them. */
function sections(type: z.ZodType, path: readonly string[], repeated: boolean): Row[] {
  const shape = definitionOf(type).shape ?? {};
  const below = Object.entries(shape).flatMap(([key, child]) => {
    if (fieldMeta(child) !== undefined) {
      return [];
    }
    const element = definitionOf(child).element;
    return sections(element ?? child, [...path, key], element !== undefined);
  });
  return [...(path.length > 0 ? [{ path, type, repeated }] : []), ...below];
}

function wrap(doc: string): string[] {
  const lines: string[] = [];
  for (const word of doc.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 108) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = `${last} ${word}`;
    }
  }
  return lines.map((line) => `## ${line}`);
}

function heading(row: Row): string {
  const name = row.path.join(".");
  return row.repeated ? `[[${name}]]` : `[${name}]`;
}

/** What every check has is described once, in [checks]. */
function isShown(type: z.ZodType): boolean {
  const meta = fieldMeta(type);
  return meta !== undefined && meta.common !== true;
}

/** Every setting, commented out at its default, with its docstring. */
export function sampleConfig(schema: Schema, docs: Readonly<Record<string, string>>): string {
  const out = [
    "## goodmailto: every setting, commented out at its default.",
    "## Durations: 500ms, 90s, 10m, 1h30m, 7d. Sizes: 64KiB, 25MB. Relative paths are taken from this file's folder.",
    "## [[name]] sections may occur several times. Check with: goodmailto config check --config FILE",
  ];
  for (const row of sections(schema, [], false)) {
    const fields = Object.entries(definitionOf(row.type).shape ?? {}).filter(([, type]) => isShown(type));
    if (fields.length === 0 && docs[row.path.join(".")] === undefined) {
      continue;
    }
    out.push("", ...wrap(docs[row.path.join(".")] ?? "").filter((line) => line !== "## "), `#${heading(row)}`);
    for (const [key, type] of fields) {
      const meta = fieldMeta(type);
      const words = allowedWords(type);
      const doc = `${meta?.doc ?? ""}${words === "" ? "" : ` One of: ${words}.`}${meta?.required === true ? " Required." : ""}`;
      out.push(...wrap(doc), `#${key} = ${tomlValue(meta?.sample)}`);
    }
  }
  return `${out.join("\n")}\n`;
}

function allowedWords(type: z.ZodType): string {
  return Object.keys(definitionOf(type).entries ?? {}).join(", ");
}

/** The effective values; the ones that the file does not give are marked as defaults. Durations in ms, sizes in bytes. */
export function effectiveConfig(schema: Schema, settings: Settings, given: TomlFile): string {
  const out: string[] = [];
  for (const row of sections(schema, [], false)) {
    const values = row.repeated ? list(settings, row.path) : [valueAt(settings, row.path)];
    values.forEach((value, i) => {
      const path = row.repeated ? [...row.path, String(i)] : row.path;
      const lines = fieldLines(row.type, value, valueAt(given.value, path), given);
      if (lines.length > 0) {
        out.push(`${out.length === 0 ? "" : "\n"}${heading(row)}`, ...lines);
      }
    });
  }
  return `${out.join("\n")}\n`;
}

function fieldLines(type: z.ZodType, value: unknown, given: unknown, file: TomlFile): string[] {
  const shape = Object.entries(definitionOf(type).shape ?? {});
  const present = (key: string): boolean => typeof given === "object" && given !== null && key in given;
  return shape.flatMap(([key, child]) => {
    const meta = fieldMeta(child);
    if (meta === undefined || value === undefined || (meta.inherits === true && !present(key))) {
      return meta?.from === undefined ? [] : [inheritedLine(key, meta, meta.from, file)];
    }
    // What was given is shown as it was given, in the units of the file.
    const shown = present(key) ? valueAt(given, [key]) : meta.sample;
    const written = meta.secret === true ? '"(secret)"' : mask(tomlValue(shown));
    return [`${key} = ${written}${present(key) ? "" : " # default"}`];
  });
}

/** What another section says, or its default. */
function inheritedLine(key: string, { sample }: FieldMeta, from: string, file: TomlFile): string {
  return `${key} = ${mask(tomlValue(valueAt(file.value, [from, key]) ?? sample))} # as [${from}]`;
}

function list(value: unknown, path: readonly string[]): unknown[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found : [];
}
