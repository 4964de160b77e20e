/** Walks the schema: what a path of keys leads to, below defaults and the like. */
import type * as z from "zod";

import { fieldMeta } from "./fields.ts";
import type { FieldMeta } from "./field-meta.ts";
import { partsOf } from "./late.ts";

/** Keys from the top of the file to a value; numbers count the entries of a list from 0. */
export type Path = readonly PropertyKey[];

interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  /** Of a transformation, the side that the file sees. */
  readonly in?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
}

/** The type of what the file may hold, below defaults and transformations. */
export function innermost(type: z.ZodType): z.ZodType {
  const { innerType, in: read } = ownDefinition(type);
  const inner = innerType ?? read;
  return inner === undefined ? type : innermost(inner);
}

function ownDefinition(type: z.ZodType): Definition {
  // zod has one type for each kind of definition, and none for what they share.
  return (type as unknown as { def: Definition }).def;
}

/** The definition of what the file may hold. */
export function definitionOf(type: z.ZodType): Definition {
  return ownDefinition(innermost(type));
}

/** The keys of a section; undefined if it is none. */
export function shapeOf(type: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const inner = innermost(type);
  return partsOf(inner)?.shape ?? ownDefinition(inner).shape;
}

/** Whether it is a section whose parts are made when they are first asked for. */
export function isLate(type: z.ZodType): boolean {
  return partsOf(innermost(type)) !== undefined;
}

/** What a list holds; undefined if it is none. */
export function elementOf(type: z.ZodType): z.ZodType | undefined {
  return definitionOf(type).element;
}

/** What a path leads to. */
export function typeAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  return path.reduce<z.ZodType | undefined>(
    (type, key) => (type === undefined ? undefined : childOf(type, key)),
    schema,
  );
}

function childOf(type: z.ZodType, key: PropertyKey): z.ZodType | undefined {
  const shape = shapeOf(type);
  const { element, valueType } = definitionOf(type);
  if (typeof key === "number") {
    return element;
  }
  return shape === undefined ? valueType : Object.hasOwn(shape, key) ? shape[String(key)] : undefined;
}

/** The setting that a path belongs to: of an entry of a list, the list. */
export function settingAt(
  schema: z.ZodType,
  path: Path,
): { readonly path: Path; readonly meta: FieldMeta } | undefined {
  for (let length = path.length; length > 0; length--) {
    const type = typeAt(schema, path.slice(0, length));
    const meta = type === undefined ? undefined : fieldMeta(type);
    if (meta !== undefined) {
      return { path: path.slice(0, length), meta };
    }
  }
  return undefined;
}

/** What a file's values hold at a path. */
export function valueAt(values: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inside, key) =>
      typeof inside === "object" && inside !== null && Object.hasOwn(inside, key)
        ? Reflect.get(inside, key)
        : undefined,
    values,
  );
}

/** The values of a file, with a text if a list of texts is wanted taken as a list of one. */
export function withLists(type: z.ZodType, value: unknown): unknown {
  const shape = shapeOf(type);
  if (shape !== undefined && isTable(value)) {
    const pairs = Object.entries(value).map(([key, inner]) => {
      const inside = childOf(type, key);
      return [key, inside === undefined ? inner : withLists(inside, inner)] as const;
    });
    return Object.fromEntries(pairs);
  }
  const element = elementOf(type);
  if (element === undefined) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((inner) => withLists(element, inner));
  }
  return typeof value === "string" && shapeOf(element) === undefined ? [value] : value;
}

/** Whether a value is a section or an inline table. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
