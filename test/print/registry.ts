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
  /** Where its settings are if not under `[checks.NAME]`. */
  readonly section?: string;
}

/** Every check of the source tree, by name. */
export function findChecks(): readonly CheckFile[] {
  return globSync("*/*.ts", { cwd: join(root, "src/checks") })
    .filter((path) => /^export const \w+(?:: \w+)? = defineCheck\(/m.test(read(path)))
    .map((path) => {
      const [, section] = /^ {2}section: "(\w+)",$/m.exec(read(path)) ?? [];
      return { family: dirname(path), name: basename(path, ".ts"), ...(section === undefined ? {} : { section }) };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function read(path: string): string {
  return readFileSync(join(root, "src/checks", path), "utf8");
}

/** The file's text. */
export function printRegistry(checks: readonly CheckFile[]): string {
  return [
    "/** Every check there is; printed by `npm run docs`. The order has no meaning: `[checks] run` says what runs. */",
    'import type { RegisteredCheck } from "../hooks/check.ts";',
    ...checks.map(({ family, name }) => `import { ${name} } from "./${family}/${name}.ts";`),
    "",
    "export const registry: readonly RegisteredCheck[] = [",
    ...checks.map(({ name, section }) => {
      const place = section === undefined ? "" : ` section: "${section}",`;
      return `  { name: "${name}",${place} definition: () => ${name} },`;
    }),
    "];",
    "",
  ].join("\n");
}

/** Where the registry of password back ends is. */
export const backEndsFile = join(root, "src/auth/backends/registry.ts");

/** Every back end of the source tree, by name; the folder also has files that they share. */
export function findBackEnds(): readonly string[] {
  return findDefinitions("src/auth/backends", "defineBackEnd");
}

/** The file's text. */
export function printBackEnds(names: readonly string[]): string {
  const doc =
    "/** Every password back end there is; printed by `npm run docs`. `[auth] order` says which are asked, and when. */";
  return printList(doc, "backEnds", "BackEndDefinition", "./contract.ts", names);
}

/** Where the registry of couriers is. */
export const couriersFile = join(root, "src/couriers/registry.ts");

/** Every courier of the source tree, by name. */
export function findCouriers(): readonly string[] {
  return findDefinitions("src/couriers", "defineCourier");
}

/** The file's text. */
export function printCouriers(names: readonly string[]): string {
  const doc = "/** Every courier there is, by the scheme of `[[route]] next_hop`; printed by `npm run docs`. */";
  return printList(doc, "couriers", "CourierDefinition", "./contract/contract.ts", names);
}

/** The names of the files of a folder that define one. */
function findDefinitions(folder: string, define: string): readonly string[] {
  const pattern = new RegExp(`^export const \\w+(?:: \\w+)? = ${define}\\(`, "m");
  return globSync("*.ts", { cwd: join(root, folder) })
    .filter((path) => pattern.test(readFileSync(join(root, folder, path), "utf8")))
    .map((path) => basename(path, ".ts"))
    .toSorted();
}

function printList(doc: string, list: string, type: string, from: string, names: readonly string[]): string {
  const line = `export const ${list}: readonly ${type}[] = [${names.join(", ")}];`;
  const start = line.indexOf("= [") + 3;
  const printed =
    line.length <= 120 ? line : `${line.slice(0, start)}\n${names.map((name) => `  ${name},\n`).join("")}];`;
  const imports = [
    ...names.map((name) => ({ path: `./${name}.ts`, text: `import { ${name} } from "./${name}.ts";` })),
    { path: from, text: `import type { ${type} } from "${from}";` },
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return [doc, ...imports.map(({ text }) => text), "", printed, ""].join("\n");
}
