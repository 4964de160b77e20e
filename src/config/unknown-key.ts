/** What an error says of a key that is not a setting: what replaced it, if it belongs, or the nearest key. */
import type * as z from "zod";

import { fieldMeta } from "./fields.ts";
import { nearest } from "./nearest.ts";
import { replaced } from "./replaced.ts";
import { elementOf, shapeOf, typeAt } from "./shape.ts";
import type { Path } from "./shape.ts";

/**
 * The words after the key.
 * @param path with the key at its end
 * @param old see replaced.ts; a section stands for all its keys
 */
export function unknownKey(path: Path, schema: z.ZodType, old: Readonly<Record<string, string>> = replaced): string {
  const key = String(path.at(-1));
  const parent = path.slice(0, -1);
  const names = path.filter((part) => typeof part !== "number").map(String);
  const dotted = names.join(".");
  const hint = Object.hasOwn(old, dotted) ? old[dotted] : undefined;
  if (hint !== undefined) {
    return hint;
  }
  const at = typeAt(schema, parent);
  const known = Object.keys((at && shapeOf(at)) ?? {});
  const here = nearest(key, known);
  const elsewhere = homes(schema, [], key)
    .slice(0, 3)
    .map((section) => `${key} in ${section}`)
    .join(" or ");
  // Above all sections it may be a setting that has lost its section, too.
  const near = here === undefined ? "" : named(schema, [...parent, here]);
  // `[checks.spp]`: the section is there, above.
  const above = parent.length > 0 && Object.hasOwn(shapeOf(schema) ?? {}, key) ? named(schema, [key]) : "";
  const all = [above, near, elsewhere].filter((one) => one !== "").join(" or ");
  const meant = near === "" || parent.length === 0 || above !== "" ? all : near;
  const allowed = known.map((name) => named(schema, [...parent, name])).join(", ");
  return `is not a setting${meant === "" ? "" : `; did you mean ${meant}?`}; allowed here: ${allowed}`;
}

/** A key as it is in the file: `hostname`, `[smtp]`, `[[route]]`. */
function named(schema: z.ZodType, path: Path): string {
  const type = typeAt(schema, path);
  const key = path.filter((part) => typeof part !== "number").join(".");
  if (type === undefined || fieldMeta(type) !== undefined) {
    return String(path.at(-1));
  }
  return elementOf(type) === undefined ? `[${key}]` : `[[${key}]]`;
}

/** The sections that have a setting of this name. */
function homes(type: z.ZodType, path: readonly string[], key: string): string[] {
  return Object.entries(shapeOf(type) ?? {}).flatMap(([name, child]) => {
    if (fieldMeta(child) !== undefined) {
      return name === key && path.length > 0 ? [path.join(".")] : [];
    }
    const element = elementOf(child);
    const below = homes(element ?? child, [...path, name], key);
    const own = [...path, name].join(".");
    return below.map((home) => (home === own ? (element === undefined ? `[${own}]` : `[[${own}]]`) : home));
  });
}
