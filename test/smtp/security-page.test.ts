/** docs/security.md names tests that exist. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/security.md"), "utf8");

it("every row of the security page names a file, and titles that stand in it", () => {
  const rows = page.split("\n").filter((line) => /^\| (?:\d+|[a-z]).*\|$/.test(line));
  expect(rows.filter((row) => /^\| \d/.test(row))).toHaveLength(29);
  for (const row of rows) {
    const cell = row.split("|").at(-2) ?? "";
    const named = [...cell.matchAll(/`((?:relay|smtp|mail|fuzz|dialogs)\/[^`]+)`([^`]*)/g)];
    expect(named.length, row).toBeGreaterThan(0);
    for (const [, name = "", titles = ""] of named) {
      const file = [`${name}.test.ts`, `${name}.dialog`].map((path) => join(root, "test", path)).find(existsSync);
      expect(file, name).toBeDefined();
      const text = readFileSync(file ?? "", "utf8");
      for (const [, title = ""] of titles.matchAll(/\*([^*]+)\*/g)) {
        expect(text, `${name}: ${title}`).toContain(title.replace(/…$/, "").replace(/: $/, ":"));
      }
    }
  }
});
