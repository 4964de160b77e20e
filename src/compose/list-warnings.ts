/** Lists of checks whose file is missing: nothing is refused by them, and the administrator is told. */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";

import { fieldMeta } from "../config/fields.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { sectionsOfChecks } from "./check-sections.ts";

/** One warning for each list file of a check that runs and that is nowhere. */
export function missingLists(settings: Settings): Warning[] {
  const run = new Set([settings.checks.run, ...settings.listener.map(({ checks }) => checks ?? [])].flat());
  const running = sectionsOfChecks(settings).filter(({ label, values }) => run.has(label) && values.mode !== "off");
  return running.flatMap(({ check, label, path, values }) =>
    Object.entries(check.settings)
      .filter(([, type]) => fieldMeta(type)?.mayBeMissing === true)
      .flatMap(([key]) => {
        const file = values[key];
        return typeof file !== "string" || file === "" || isThere(file, settings.control.folders)
          ? []
          : [{ path: [...path, key], message: `"${file}" is missing: ${label} refuses nothing until it is there` }];
      }),
  );
}

function isThere(name: string, folders: readonly string[]): boolean {
  const paths = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  return paths.some((path) => existsSync(path) || existsSync(`${path}.cdb`));
}
