/** Lists of checks whose file is missing: nothing is refused by them, and the administrator is told. */
import { existsSync } from "node:fs";

import { fieldMeta } from "../config/fields.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { sectionsOfChecks } from "./check-sections.ts";

/** One warning for each list file that a setting names and that is not there. */
export function missingLists(settings: Settings): Warning[] {
  return sectionsOfChecks(settings).flatMap(({ check, label, path, values }) =>
    Object.entries(check.settings)
      .filter(([, type]) => fieldMeta(type)?.mayBeMissing === true)
      .flatMap(([key]) => {
        const file = values[key];
        return typeof file !== "string" || file === "" || existsSync(file)
          ? []
          : [{ path: [...path, key], message: `"${file}" is missing: ${label} refuses nothing until it is there` }];
      }),
  );
}
