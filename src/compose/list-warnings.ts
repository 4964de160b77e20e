/** Lists of checks whose file is missing: nothing is refused by them, and the administrator is told. */
import { existsSync } from "node:fs";

import type * as z from "zod";

import { checks } from "../checks/registry.ts";
import { fieldMeta } from "../config/fields.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";

/** One warning for each list file that a setting names and that is not there. */
export function missingLists(settings: Settings): Warning[] {
  return checks.flatMap(({ name, settings: { shape } }) => {
    const values: Readonly<Record<string, unknown>> = settings.checks[name] ?? {};
    return Object.entries(shape)
      .filter(([, type]) => fieldMeta(type as z.ZodType)?.mayBeMissing === true)
      .flatMap(([key]) => {
        const path = values[key];
        return typeof path !== "string" || path === "" || existsSync(path)
          ? []
          : [
              {
                path: ["checks", name, key],
                message: `"${path}" is missing: ${name} refuses nothing until it is there`,
              },
            ];
      });
  });
}
