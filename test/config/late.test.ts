/** Sections that are made in parts say which of their keys must be given. */
import { describe, expect, it } from "vitest";

import { schema } from "../../src/compose/settings.ts";
import { partsOf } from "../../src/config/late.ts";
import { elementOf, innermost, shapeOf } from "../../src/config/shape.ts";

type Type = typeof schema | Parameters<typeof innermost>[0];

/** Each section below a type, and whatever is in it, by its path. */
function sectionsBelow(type: Type, path: string): [string, Type][] {
  const element = elementOf(type);
  const below = Object.entries(shapeOf(type) ?? {}).flatMap(([key, inner]) => sectionsBelow(inner, `${path}.${key}`));
  return element === undefined ? [[path, type], ...below] : sectionsBelow(element, path);
}

const late = sectionsBelow(schema, "").flatMap(([path, type]) => {
  const parts = partsOf(innermost(type));
  return parts === undefined ? [] : [{ path, parts }];
});

describe("a section that is made in parts", () => {
  it.each(late)("$path names the keys without which it is wrong", ({ parts }) => {
    const needed = Object.entries(parts.shape).flatMap(([key, type]) =>
      type.safeParse(undefined).success ? [] : [key],
    );
    expect([...parts.required].toSorted()).toEqual(needed.toSorted());
  });

  it("is every section that a sync asks first", () => {
    const paths = late.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining([".source", ".route", ".domain", ".recipients", ".sync", ".smtp"]));
  });
});
