/** Checks from outside the source tree: `[checks] load`. Each file exports one check, made by `defineCheck` of "goodmailto/check". */
import { existsSync } from "node:fs";

import type * as z from "zod";

import { registry } from "../checks/registry.ts";
import { fieldMeta } from "../config/fields.ts";
import { stages } from "../hooks/check.ts";
import type { CheckDefinition, RegisteredCheck } from "../hooks/check.ts";
import { hookNames } from "../hooks/hook-names.ts";
import { needs } from "../hooks/message.ts";
import { readExports, whyNot } from "./outside-loader.ts";
import type { Exported } from "./outside-loader.ts";

/** A file that gives no check, with its reason. */
export class OutsideFault extends Error {}

/** What was loaded last, by path. */
const loaded = new Map<string, { readonly check: CheckDefinition; readonly exported: Exported }>();

/** Loads one file; again if it, or what it imports, has changed. @param path absolute @throws OutsideFault */
export function loadCheck(path: string): CheckDefinition {
  const before = loaded.get(path);
  if (before?.exported.isCurrent() === true) {
    return before.check;
  }
  const exported = readFile(path);
  const [check, ...more] = exported.values.filter(isCheck);
  if (check === undefined || more.length > 0) {
    throw new OutsideFault('must export one check, made by defineCheck of "goodmailto/check"');
  }
  const wrong = wrongIn(check);
  if (wrong !== undefined) {
    throw new OutsideFault(wrong);
  }
  loaded.set(path, { check, exported });
  return check;
}

function readFile(path: string): Exported {
  if (!/\.m?[jt]s$/.test(path)) {
    throw new OutsideFault("needs a file that ends in .ts, .mts, .js or .mjs");
  }
  if (!existsSync(path)) {
    throw new OutsideFault(`there is no file ${path}`);
  }
  try {
    return readExports(path);
  } catch (error) {
    throw new OutsideFault(`cannot be loaded: ${whyNot(path, error)}`, { cause: error });
  }
}

function isCheck(value: unknown): value is CheckDefinition {
  // Asked member by member below.
  const check = value as Partial<CheckDefinition> | null;
  return (
    typeof check === "object" && check !== null && typeof check.name === "string" && typeof check.create === "function"
  );
}

/** What a definition has that the rest cannot work with: an outside file need not have been compiled. */
function wrongIn(check: Partial<CheckDefinition>): string | undefined {
  const { name = "", doc, hooks, stage, settings, reasons, section, needs: need = "header" } = check;
  if (!/^[a-z][a-z0-9_]{0,31}$/.test(name) || name === "run" || name === "load") {
    return `its name "${name}" must be a word of a-z, 0-9 and _, and not "run" or "load"`;
  }
  if (registry.some((one) => one.name === name)) {
    return `its check "${name}" has the name of a built-in one`;
  }
  if (typeof doc !== "string" || doc === "") {
    return "its check must have a doc, a sentence";
  }
  if (!Array.isArray(hooks) || hooks.length === 0 || hooks.some((hook) => !hookNames.includes(hook))) {
    return `its check must have hooks, some of ${hookNames.join(", ")}`;
  }
  if (!stages.some((one) => one === stage)) {
    return `its check must have a stage, one of ${stages.join(", ")}`;
  }
  if (!needs.includes(need)) {
    return `its check has a need that must be one of ${needs.join(", ")}`;
  }
  if (typeof reasons !== "object" || section !== undefined) {
    return section === undefined ? "its check must have reasons" : "its check must not have a section of its own";
  }
  const unfit = Object.entries(settings ?? {}).find(([key, type]) => key === "name" || !isField(type));
  return unfit === undefined
    ? undefined
    : `its setting "${unfit[0]}" must be made by a function of field, and not be called "name"`;
}

function isField(type: z.ZodType): boolean {
  return typeof type?.meta === "function" && fieldMeta(type) !== undefined;
}

/**
 * The built-in checks and those of these files, as they were loaded with the settings.
 * @param names only these @throws OutsideFault
 */
export function allChecks(paths: readonly string[], names?: ReadonlySet<string>): readonly CheckDefinition[] {
  const outside = paths.map((path) => registered(loaded.get(path)?.check ?? loadCheck(path)));
  const asked = [...registry, ...outside].filter(({ name }) => names?.has(name) ?? true);
  return asked.map(({ definition }) => definition());
}

/** A check from outside as the schema takes it. */
export function registered(check: CheckDefinition): RegisteredCheck {
  return { name: check.name, definition: () => check };
}
