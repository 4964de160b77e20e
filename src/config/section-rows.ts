/** The sections of the schema, in the order in which they are printed. */
import type * as z from "zod";

import { fieldMeta } from "./fields.ts";
import type { createSchema } from "./sections.ts";
import { definitionOf } from "./shape.ts";

/** What a file may hold. */
export type Schema = ReturnType<typeof createSchema>;

/** One section. */
export interface SectionRow {
  readonly path: readonly string[];
  readonly type: z.ZodType;
  /** Whether it may occur several times. */
  readonly repeated: boolean;
}

/** The sections in the schema's order, those within sections after them. */
export function sectionsOf(schema: Schema): readonly SectionRow[] {
  return below(schema, [], false);
}

function below(type: z.ZodType, path: readonly string[], repeated: boolean): SectionRow[] {
  const inner = Object.entries(definitionOf(type).shape ?? {}).flatMap(([key, child]) => {
    if (fieldMeta(child) !== undefined) {
      return [];
    }
    const element = definitionOf(child).element;
    return below(element ?? child, [...path, key], element !== undefined);
  });
  return [...(path.length > 0 ? [{ path, type, repeated }] : []), ...inner];
}

/** As a file has it. */
export function headingOf({ path, repeated }: SectionRow): string {
  const name = path.join(".");
  return repeated ? `[[${name}]]` : `[${name}]`;
}
