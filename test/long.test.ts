/** The list of what `npm run ok` leaves out. */
import { globSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { long } from "./long.ts";

describe("the list of long tests", () => {
  it.each(long)("has only files that exist: %s", (pattern) => {
    expect(globSync(pattern, { cwd: join(import.meta.dirname, "..") })).not.toEqual([]);
  });
});
