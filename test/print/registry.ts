/** Writes src/checks/registry.ts from what is in the families' folders: static imports, and no list to edit by hand. */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Where the registry is. */
export const registryFile = join(root, "src/checks/registry.ts");

/** A file that defines a check; families also have files that their checks share. */
export interface CheckFile {
  readonly family: string;
  readonly name: string;
}

/** Every check of the source tree, by name. */
export function findChecks(): readonly CheckFile[] {
  return globSync("*/*.ts", { cwd: join(root, "src/checks") })
    .filter((path) => /^export const \w+(?:: \w+)? = defineCheck\(/m.test(read(path)))
    .map((path) => ({ family: dirname(path), name: basename(path, ".ts") }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function read(path: string): string {
  return readFileSync(join(root, "src/checks", path), "utf8");
}

/** The file's text. */
export function printRegistry(checks: readonly CheckFile[]): string {
  return [
    "/** Every check there is; printed by `npm run docs`. The order has no meaning: `[checks] run` says what runs. */",
    'import type { CheckDefinition } from "../hooks/check.ts";',
    ...checks.map(({ family, name }) => `import { ${name} } from "./${family}/${name}.ts";`),
    "",
    "export const checks: readonly CheckDefinition[] = [",
    ...checks.map(({ name }) => `  ${name},`),
    "];",
    "",
  ].join("\n");
}
