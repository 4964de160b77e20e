/** What the schema finds wrong, in words: what is allowed here, what was found, and what to write instead. */
import type * as z from "zod";

import { nearest } from "./nearest.ts";
import { definitionOf, elementOf, isTable, settingAt, typeAt, valueAt, withLists } from "./shape.ts";
import type { Path } from "./shape.ts";
import { shownValue, tomlValue } from "./toml-value.ts";
import { unknownKey } from "./unknown-key.ts";

/** One error and the key that it is about. */
export interface FoundIssue {
  readonly path: Path;
  readonly message: string;
}

/** Puts an issue into words. @param values of the file, as the schema saw them */
export function issueFindings(issue: z.core.$ZodIssue, schema: z.ZodType, values: unknown): FoundIssue[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey([...path, key], schema) }));
  }
  const value = valueAt(values, path);
  const setting = settingAt(schema, path);
  if (setting === undefined) {
    return [{ path, message: sectionWords(path, typeAt(schema, path), value) }];
  }
  const { meta } = setting;
  const key = String(setting.path.at(-1));
  if (value === undefined && issue.code !== "custom") {
    return [{ path, message: `is missing; write ${key} = ${tomlValue(meta.sample)}` }];
  }
  const inside = path.length > setting.path.length;
  const type = typeAt(schema, path);
  const hint = value === undefined ? "" : instead(key, type, inside, value, meta);
  const fault = explain(issue, type, inside ? undefined : meta.allowed, value);
  return [{ path, message: `${fault}${hint === "" ? "" : `; ${hint}`}` }];
}

/** What must be, and what is. A rule of its own with a colon says both. */
function explain(
  issue: z.core.$ZodIssue,
  type: z.ZodType | undefined,
  declared: string | undefined,
  value: unknown,
): string {
  const own = issue.code === "custom" ? issue.message : undefined;
  if (own?.includes(": ") === true) {
    return own;
  }
  const empty = Array.isArray(value) && value.length === 0;
  const must = own ?? `must be ${empty ? "a list with at least one entry" : allowedWords(type, declared)}`;
  return `${must}, not ${shownValue(value)}`;
}

/** What a type takes, if its declaration does not say it. */
function allowedWords(type: z.ZodType | undefined, declared: string | undefined): string {
  if (declared !== undefined || type === undefined) {
    return declared ?? "text in quotes";
  }
  const definition = definitionOf(type);
  switch (definition.type) {
    case "enum":
      return `one of ${enumWords(type).map(tomlValue).join(", ")}`;
    case "boolean":
      return "true or false";
    case "array":
      return `a list${enumWords(elementOf(type)).length === 0 ? " of texts" : ""}`;
    case "record":
      return "a table of texts";
    default:
      return "text in quotes";
  }
}

function enumWords(type: z.ZodType | undefined): string[] {
  return type === undefined ? [] : Object.keys(definitionOf(type).entries ?? {});
}

/** What to write instead, and the nearest word. */
function instead(
  key: string,
  type: z.ZodType | undefined,
  inside: boolean,
  value: unknown,
  meta: { readonly sample: unknown; readonly suggest?: (value: unknown) => unknown },
): string {
  if (type === undefined) {
    return "";
  }
  const word = typeof value === "string" ? nearest(value, enumWords(type)) : undefined;
  if (word !== undefined && word !== value) {
    return `did you mean ${tomlValue(word)}?`;
  }
  // Whoever gave a value does not want none.
  const sample = inside || isNone(meta.sample) ? undefined : meta.sample;
  const candidates = [meta.suggest?.(value), quoted(type, value), sample];
  const fitting = candidates.find(
    (candidate) => candidate !== undefined && type.safeParse(withLists(type, candidate)).success,
  );
  // What is right by itself breaks a rule about several settings.
  if (
    fitting === undefined ||
    fitting === value ||
    (typeof value === typeof fitting && fitting === meta.sample && !Array.isArray(value))
  ) {
    return "";
  }
  return `write ${inside ? "" : `${key} = `}${tomlValue(fitting)}`;
}

function isNone(sample: unknown): boolean {
  return sample === "" || (Array.isArray(sample) && sample.length === 0);
}

/** A number or a date is often text without its quotes; a single one stands for a list of one. */
function quoted(type: z.ZodType, value: unknown): unknown {
  if (typeof value !== "number" && !(value instanceof Date)) {
    return undefined;
  }
  return elementOf(type) === undefined ? String(value) : [String(value)];
}

/** A section that is a value, a list, or not a list. */
function sectionWords(path: Path, type: z.ZodType | undefined, value: unknown): string {
  const name = path.filter((key) => typeof key !== "number").join(".");
  const repeated = type !== undefined && elementOf(type) !== undefined;
  const entry = typeof path.at(-1) === "number";
  if (repeated || entry) {
    const found = isTable(value)
      ? `there may be several, so write [[${name}]] instead of [${name}]`
      : `write [[${name}]]`;
    return `must be a section: ${found}`;
  }
  const only = Array.isArray(value)
    ? `there is only one, so write [${name}] instead of [[${name}]]`
    : `write [${name}]`;
  return `must be a section: ${only}`;
}
