/** Whether a resource passes a filter. Texts are compared without case, but for those that are exact by RFC 7643. */
import type { Filter, Operator } from "./filter.ts";
import { isObject, listOf, truthOf, valueOf } from "./json.ts";
import type { Json } from "./json.ts";

/** Of RFC 7643 3.1, `caseExact`. */
const exact: ReadonlySet<string> = new Set(["id", "externalid"]);

/** Whether it passes. */
export function matches(value: Json, filter: Filter): boolean {
  switch (filter.kind) {
    case "and":
      return filter.all.every((one) => matches(value, one));
    case "or":
      return filter.all.some((one) => matches(value, one));
    case "not":
      return !matches(value, filter.one);
    case "present":
      return valuesAt(value, filter.path).length > 0;
    case "within":
      return valuesAt(value, filter.path).some((one) => matches(one, filter.each));
    case "compare": {
      const { path, operator, value: wanted } = filter;
      const isExact = exact.has(path.at(-1)?.toLowerCase() ?? "");
      const found = valuesAt(value, path).map(simple);
      return operator === "ne"
        ? !found.some((one) => compare(one, "eq", wanted, isExact))
        : found.some((one) => compare(one, operator, wanted, isExact));
    }
  }
}

/** What is there, whatever lists are on the way. */
function valuesAt(value: Json, path: readonly string[]): readonly Json[] {
  return path.reduce<readonly Json[]>(
    (all, name) =>
      all.flatMap((one) => listOf(one).flatMap((item) => (isObject(item) ? listOf(valueOf(item, name)) : []))),
    [value],
  );
}

/** A complex value stands for its `value`: `emails eq "a@b"`. */
function simple(value: Json): Json {
  return isObject(value) ? (valueOf(value, "value") ?? null) : value;
}

function compare(found: Json, operator: Operator, wanted: string | number | boolean | null, isExact: boolean): boolean {
  if (typeof found === "boolean" || typeof wanted === "boolean") {
    const truth = truthOf(found);
    return operator === "eq" && truth !== undefined && truth === truthOf(wanted);
  }
  if (typeof found === "number" && typeof wanted === "number") {
    return ordered(found, operator, wanted);
  }
  if (typeof found !== "string" || typeof wanted !== "string") {
    return operator === "eq" && found === wanted;
  }
  const [one, other] = isExact ? [found, wanted] : [found.toLowerCase(), wanted.toLowerCase()];
  switch (operator) {
    case "co":
      return one.includes(other);
    case "sw":
      return one.startsWith(other);
    case "ew":
      return one.endsWith(other);
    case "eq":
    case "ne":
    case "gt":
    case "ge":
    case "lt":
    case "le":
      return ordered(one, operator, other);
  }
}

function ordered<T extends string | number>(one: T, operator: Operator, other: T): boolean {
  switch (operator) {
    case "eq":
      return one === other;
    case "ne":
      return one !== other;
    case "gt":
      return one > other;
    case "ge":
      return one >= other;
    case "lt":
      return one < other;
    case "le":
      return one <= other;
    case "co":
    case "sw":
    case "ew":
      return false;
  }
}
