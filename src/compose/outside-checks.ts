/**
 * Checks from outside the source tree: `[checks] load`. Each file exports one check, made by `defineCheck` of
 * "goodmailto/check", which stands for the contract wherever the file is.
 */
import { statSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { isAbsolute } from "node:path";

import type { CheckDefinition } from "../hooks/check.ts";
import { checks } from "../checks/registry.ts";

/** What `import … from "goodmailto/check"` stands for. */
const contract = new URL("../hooks/contract.ts", import.meta.url).href;
const require = createRequire(import.meta.url);
let resolves = false;
/** The files as they were when they were loaded: mtime and size. */
const loadedAs = new Map<string, string>();

/** A file that gives no check, with its reason. */
export class OutsideFault extends Error {}

function resolveContract(): void {
  if (!resolves) {
    resolves = true;
    registerHooks({
      resolve: (specifier, context, nextResolve) =>
        specifier === "goodmailto/check"
          ? { url: contract, format: "module-typescript", shortCircuit: true }
          : nextResolve(specifier, context),
    });
  }
}

function isCheck(value: unknown): value is CheckDefinition {
  const check = value as Partial<CheckDefinition> | null;
  return typeof check === "object" && check !== null && typeof check.name === "string" && "create" in check;
}

/** Loads one file; a file that was loaded before is not read again. @throws OutsideFault */
export function loadCheck(path: string): CheckDefinition {
  if (!isAbsolute(path)) {
    throw new OutsideFault(`"${path}" must be an absolute path by now`);
  }
  resolveContract();
  if (!loadedAs.has(path)) {
    loadedAs.set(path, identityOf(path));
  }
  let exported: Record<string, unknown>;
  try {
    exported = require(path) as Record<string, unknown>;
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new OutsideFault(`cannot be loaded: ${why}`, { cause: error });
  }
  const [check, ...more] = Object.values(exported).filter(isCheck);
  if (check === undefined || more.length > 0) {
    throw new OutsideFault('must export one check, made by defineCheck of "goodmailto/check"');
  }
  if (checks.some(({ name }) => name === check.name)) {
    throw new OutsideFault(`its check "${check.name}" has the name of a built-in one`);
  }
  return check;
}

function identityOf(path: string): string {
  const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? "" : `${facts.mtimeNs} ${facts.size}`;
}

/** The files that have changed since they were loaded, for the log: only a restart reads them again. */
export function changedChecks(paths: readonly string[]): string[] {
  const changed = paths.filter((path) => loadedAs.has(path) && loadedAs.get(path) !== identityOf(path));
  return changed.map((path) => `[checks] load "${path}"`);
}

/** The built-in checks and those of these files. @throws OutsideFault */
export function allChecks(paths: readonly string[]): readonly CheckDefinition[] {
  return paths.length === 0 ? checks : [...checks, ...paths.map(loadCheck)];
}
