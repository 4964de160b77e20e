/** The settings of a file in which nothing is wrong; what the file does not name is read when it is first asked for. */
import type * as z from "zod";

import { lately, partsOf } from "./late.ts";
import { elementOf, innermost, isLate, isTable, valueAt } from "./shape.ts";

/** What has been read. */
interface Given {
  readonly settings: unknown;
}

/**
 * Reads what a file has, section by section.
 * @param value a section, or any other value
 * @returns undefined if something is wrong: parsing by the type finds everything that is
 */
export function readGiven(type: z.ZodType, value: unknown): Given | undefined {
  const parts = partsOf(innermost(type));
  const element = Array.isArray(value) ? elementOf(type) : undefined;
  if (element !== undefined && isLate(element)) {
    return readEach(element, value as readonly unknown[]);
  }
  if (parts === undefined || !isTable(value)) {
    const parsed = type.safeParse(value);
    return parsed.success ? { settings: parsed.data } : undefined;
  }
  const { shape, lists, required, rule } = parts;
  if (required.some((key) => !Object.hasOwn(value, key))) {
    return undefined;
  }
  const given = new Map<string, Given>();
  for (const [key, inner] of Object.entries(value)) {
    const own = Object.hasOwn(shape, key) ? shape[key] : undefined;
    const read = own === undefined ? undefined : readGiven(own, inner);
    if (read === undefined) {
      return undefined;
    }
    given.set(key, read);
  }
  const settings = lately(Object.keys(shape), (key) => {
    return lists.has(key) && !given.has(key) ? [] : (given.get(key) ?? readDefault(shape[key]))?.settings;
  });
  return rule(settings, (...path) => valueAt(value, path) !== undefined).length > 0 ? undefined : { settings };
}

/** The same of sections that are there several times. */
function readEach(element: z.ZodType, values: readonly unknown[]): Given | undefined {
  const read = values.map((value) => readGiven(element, value));
  return read.includes(undefined) ? undefined : { settings: read.map((one) => one?.settings) };
}

/** What a key has that the file does not name. Every section may be left out. */
function readDefault(type: z.ZodType | undefined): Given | undefined {
  return type === undefined ? undefined : readGiven(type, isLate(type) ? {} : undefined);
}
