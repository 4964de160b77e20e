/** What is printed of the presets: their registry, their names for the configuration, and the table of docs/directories.md. */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { inMarks } from "./marks.ts";

const root = join(import.meta.dirname, "../..");

/** Where the registry is. */
export const presetsFile = join(root, "sync/presets/registry.ts");
/** The same names where the relay may read them: it loads nothing of sync. */
export const presetNamesFile = join(root, "src/config/preset-names.ts");
/** The page with the table. */
export const directoriesPage = join(root, "docs/directories.md");

/** A file that defines a preset, and what it calls it. */
export interface PresetFile {
  readonly name: string;
  readonly identifier: string;
}

/** Every preset of the source tree, by name. */
export function findPresets(): readonly PresetFile[] {
  return globSync("*.ts", { cwd: join(root, "sync/presets") })
    .flatMap((path) => {
      const text = readFileSync(join(root, "sync/presets", path), "utf8");
      const identifier = /^export const (\w+) = define(?:Preset|Query)\(/m.exec(text)?.[1];
      return identifier === undefined ? [] : [{ name: basename(path, ".ts"), identifier }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The registry's text. */
export function printPresets(files: readonly PresetFile[]): string {
  return [
    "/** Every preset by the word that the configuration has for it; printed by `npm run docs`. */",
    'import type { PresetName } from "../../src/config/preset-names.ts";',
    ...files.map(({ name, identifier }) => `import { ${identifier} } from "./${name}.ts";`),
    'import type { Preset } from "./preset.ts";',
    "",
    "export const presets: Readonly<Record<PresetName, Preset>> = {",
    ...files.map(({ name, identifier }) => `  ${keyOf(name, identifier)},`),
    "};",
    "",
  ].join("\n");
}

function keyOf(name: string, identifier: string): string {
  if (name === identifier) {
    return name;
  }
  return `${/^[a-z]\w*$/.test(name) ? name : `"${name}"`}: ${identifier}`;
}

/** The names' text. */
export function printPresetNames(files: readonly PresetFile[]): string {
  return [
    "/** The words of `[[source]] preset`, one for each file of sync/presets; printed by `npm run docs`. */",
    "export const presetNames = [",
    ...files.map(({ name }) => `  "${name}",`),
    "] as const;",
    "",
    "/** One of them. */",
    "export type PresetName = (typeof presetNames)[number];",
    "",
  ].join("\n");
}

/** The page with the table as it should be. */
export async function printDirectories(): Promise<string> {
  const { presets } = await import("../../sync/presets/registry.ts");
  const rows = Object.values(presets).map(({ name, about, changes }) => {
    const { product, objects, addresses, leftOut = "" } = about;
    return `| \`${name}\` | ${product} | ${objects} | ${addresses} | ${leftOut} | ${changes ?? about.changes ?? "none"} |`;
  });
  const head = ["| preset | product | objects | addresses from | left out | changes by |", "|---|---|---|---|---|---|"];
  return inMarks(directoriesPage, "presets", [...head, ...rows].join("\n"));
}
