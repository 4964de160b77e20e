/** docs/security.md names tests that exist, run, and look at something. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/security.md"), "utf8");
const rows = page.split("\n").filter((line) => /^\| (?:\d+|[a-z]).*\|$/.test(line));

/** A test as is in its file. */
interface Written {
  readonly title: string;
  readonly body: string;
}

/** The tests of a file; the body ends where the closing brace is below the beginning. */
function testsOf(text: string): Written[] {
  const starts = [...text.matchAll(/^( *)it(?:\.(?:skipIf|each)\([^\n]*\))?\((["`])(.*?)\2,/gm)];
  return starts.map(({ 1: indent = "", 3: title = "", index }) => {
    const end = text.indexOf(`\n${indent}});\n`, index);
    return { title, body: text.slice(index, end) };
  });
}

/** `*title*` of a cell: whole, or with an ellipsis or a gap of the template behind its beginning. */
function isNamed({ title }: Written, name: string): boolean {
  return name.endsWith("…") ? title.startsWith(name.slice(0, -1)) : title.replace(/ \$\{.*$/, "") === name;
}

function checkDialogue(text: string, name: string): void {
  expect(text.match(/^S: /gm)?.length ?? 0, `${name} expects no reply`).toBeGreaterThan(0);
}

function checkTests(text: string, name: string, titles: readonly string[]): void {
  expect(text, name).not.toMatch(/\b(?:it|describe)\.(?:skip|todo|fails|only)\b/);
  const tests = testsOf(text);
  const named = titles.map((title) => {
    const found = tests.filter((test) => isNamed(test, title));
    expect(found, `${name}: ${title}`).toHaveLength(1);
    return found[0];
  });
  const meant = titles.length === 0 ? tests : named;
  expect(meant.length, name).toBeGreaterThan(0);
  for (const test of meant) {
    expect(test?.body, `${name}: ${test?.title} expects nothing`).toContain("expect");
  }
}

it("the security page has a row for each of the 29 weaknesses", () => {
  const numbers = rows.flatMap((row) => /^\| (\d+) /.exec(row)?.[1] ?? []);
  expect(numbers).toEqual(Array.from({ length: 29 }, (_, i) => String(i + 1)));
});

it("every row of the security page names tests that run and expect something, each of them once", () => {
  for (const row of rows) {
    const cell = row.split("|").at(-2) ?? "";
    const named = [...cell.matchAll(/`([a-z-]+\/[^`]+)`([^`]*)/g)];
    expect(named.length, row).toBeGreaterThan(0);
    for (const [, name = "", rest = ""] of named) {
      const file = [`${name}.test.ts`, `${name}.dialog`].map((path) => join(root, "test", path)).find(existsSync);
      expect(file, name).toBeDefined();
      const text = readFileSync(file ?? "", "utf8");
      const titles = [...rest.matchAll(/\*([^*]+)\*/g)].map(([, title = ""]) => title);
      if (file?.endsWith(".dialog") === true) {
        checkDialogue(text, name);
      } else {
        checkTests(text, name, titles);
      }
    }
  }
});
