import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { describe, expect, it } from "vitest";

/** What each folder may import of ours, beside itself. DESIGN.md "Layout". */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "src/mail": [],
  "src/report": [],
  "src/files": [],
};

const root = join(import.meta.dirname, "..");

interface Import {
  readonly from: string;
  readonly to: string;
  readonly lazy: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const paths = [...text.matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.{1,2}\/[^"]+)"/gms)].map(
    ([, path]) => path ?? "",
  );
  const lazy = [...text.matchAll(/\bimport\("(\.{1,2}\/[^"]+)"\)/g)].map(([, path]) => path ?? "");
  const target = (path: string): string => relative(root, join(root, dirname(file), path));
  return [
    ...paths.map((path) => ({ from: file, to: target(path), lazy: false })),
    ...lazy.map((path) => ({ from: file, to: target(path), lazy: true })),
  ];
}

const folderOf = (file: string): string => (file.startsWith("sync/") ? "sync" : file.split("/").slice(0, 2).join("/"));

describe("layout", () => {
  const files = globSync("{src,sync}/**/*.ts", { cwd: root });
  const imports = files.flatMap(importsOf);

  it("lets imports run one way only", () => {
    expect(imports.length).toBeGreaterThan(200);
    const wrong = imports.filter(({ from, to }) => {
      const [folder, target] = [folderOf(from), folderOf(to)];
      const may = allowed[folder];
      // main.ts and src/commands wire parts together: they may see all.
      return may !== undefined && folder !== target && !may.includes(target) && !may.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it("keeps checks from importing each other", () => {
    const between = imports.filter(({ from, to }) => {
      return from.startsWith("src/checks/") && to.startsWith("src/checks/") && !from.endsWith("registry.ts");
    });
    expect(between).toEqual([]);
  });

  it("keeps LDAP code out of everything that the relay loads", () => {
    const speaksLdap = files.filter((file) => /from "ldapts/.test(readFileSync(join(root, file), "utf8")));
    expect(speaksLdap.every((file) => file.startsWith("sync/") || file.startsWith("src/demo/"))).toBe(true);
    const reached = new Set<string>(["src/main.ts", "src/commands/serve.ts"]);
    for (const file of reached) {
      for (const { to, lazy } of importsOf(file)) {
        // What is loaded on demand is another verb's.
        if (!lazy) {
          reached.add(to);
        }
      }
    }
    expect([...reached].filter((file) => file.startsWith("sync/") || file.startsWith("src/demo/"))).toEqual([]);
  });

  it("has no file without a first line that says what it answers", () => {
    const silent = files.filter((file) => !readFileSync(join(root, file), "utf8").startsWith("/**"));
    expect(silent).toEqual([]);
  });

  it("has no file beyond 250 lines, blank ones aside", () => {
    const long = files.filter(
      (file) =>
        readFileSync(join(root, file), "utf8")
          .split("\n")
          .filter((line) => line.trim() !== "").length > 250,
    );
    expect(long).toEqual([]);
  });
});
