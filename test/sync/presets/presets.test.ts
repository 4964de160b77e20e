/** Guards over the registry of presets. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { presets } from "../../../sync/presets/registry.ts";
import { parseFilter } from "../../../sync/sources/filter.ts";

/** Tests of several presets each. */
const common = ["ldif", "csv", "sql", "graph", "google"]
  .map((name) => readFileSync(join(import.meta.dirname, `../${name}.test.ts`), "utf8"))
  .join("");

describe.each(Object.entries(presets))("the preset %s", (name, preset) => {
  it("has its name, a filter, addresses, and a row for the docs", () => {
    expect(preset.name).toBe(name);
    expect(() => preset.shape === "tree" && parseFilter(preset.filter)).not.toThrow();
    expect(preset.addresses.map(({ attribute }) => attribute)).toEqual(
      preset.addresses.map(({ attribute }) => attribute.toLowerCase()),
    );
    expect(Object.values(preset.about).filter((text) => text.trim() === "" || text.includes("|"))).toEqual([]);
  });

  it("is read by a test", () => {
    const own = existsSync(join(import.meta.dirname, `${name}.test.ts`));
    expect([name, own || common.includes(`preset: "${name}"`) || common.includes(`tablesOf("${name}"`)]).toEqual([
      name,
      true,
    ]);
  });
});
