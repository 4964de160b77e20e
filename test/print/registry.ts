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

/** Where the registry of password back ends is. */
export const backEndsFile = join(root, "src/auth/backends/registry.ts");

/** Every back end of the source tree, by name; the folder also has files that they share. */
export function findBackEnds(): readonly string[] {
  const folder = join(root, "src/auth/backends");
  return globSync("*.ts", { cwd: folder })
    .filter((path) => /^export const \w+(?:: \w+)? = defineBackEnd\(/m.test(readFileSync(join(folder, path), "utf8")))
    .map((path) => basename(path, ".ts"))
    .toSorted();
}

/** The file's text. */
export function printBackEnds(names: readonly string[]): string {
  const line = `export const backEnds: readonly BackEndDefinition[] = [${names.join(", ")}];`;
  const list =
    line.length <= 120 ? line : line.replace("[c", "[\n  c").replace("];", ",\n];").replaceAll(", ", ",\n  ");
  return [
    "/** Every password back end there is; printed by `npm run docs`. `[auth] order` says which are asked, and when. */",
    ...names.filter((name) => name < "contract").map((name) => `import { ${name} } from "./${name}.ts";`),
    'import type { BackEndDefinition } from "./contract.ts";',
    ...names.filter((name) => name > "contract").map((name) => `import { ${name} } from "./${name}.ts";`),
    "",
    list,
    "",
  ].join("\n");
}
