/** Loads the configuration for a verb, or prints every error of it. */
import { isTable, valueAt } from "../config/shape.ts";
import { errorMessage } from "../report/error-message.ts";
import { loadCheck, OutsideFault, registered } from "./outside-checks.ts";
import type { BackEndDefinition } from "../auth/backends/contract.ts";
import { backEnds } from "../auth/backends/registry.ts";
import { registry } from "../checks/registry.ts";
import type { FileOwner } from "../config/field-meta.ts";
import { loadConfig } from "../config/load.ts";
import type { CourierDefinition } from "../couriers/contract/contract.ts";
import { couriers } from "../couriers/registry.ts";
import { resolvePath } from "../config/setting-files.ts";
import type { Loaded, SchemaFor } from "../config/load.ts";
import { createSchema } from "../config/sections.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";

// Made when the section that needs them is.
const passwordBackEnds = (): readonly BackEndDefinition[] => backEnds;
const nextHops = (): readonly CourierDefinition[] => couriers;

/** The schema with the checks that this program has, each once. */
export const schema = createSchema(registry, passwordBackEnds, nextHops);

/** The schema that fits a file: with the checks that it loads, and as many instances as it has. */
export const schemaFor: SchemaFor = (value, file) => {
  const table = sectionOf(value, "checks");
  const load = Array.isArray(table["load"]) ? table["load"].filter((path) => typeof path === "string") : [];
  const several = new Set(Object.keys(table).filter((name) => isInstances(table[name])));
  const faults: { path: PropertyKey[]; message: string }[] = [];
  const taken = new Set<string>();
  const outside = load.flatMap((path, i) => {
    try {
      const check = loadCheck(resolvePath(file, path));
      if (taken.has(check.name)) {
        throw new OutsideFault(`its check "${check.name}" has the name of another one that is loaded`);
      }
      taken.add(check.name);
      return [check];
    } catch (error) {
      faults.push({ path: ["checks", "load", i], message: errorMessage(error) });
      return [];
    }
  });
  const isPlain = outside.length === 0 && several.size === 0;
  return {
    schema: isPlain
      ? schema
      : createSchema([...registry, ...outside.map(registered)], passwordBackEnds, nextHops, several),
    faults,
  };
};

/** `[[checks.NAME]]`; `run` and `load` are arrays of texts. */
function isInstances(value: unknown): boolean {
  return Array.isArray(value) && value.some(isTable);
}

function sectionOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const section = valueAt(value, [name]);
  return isTable(section) ? section : {};
}

/** Where the configuration is looked for if nobody says. */
export const defaultConfig = "/etc/goodmailto/goodmailto.toml";

/** A configuration without errors. */
export type Placed = Extract<Loaded, { kind: "ok" }>;

/** The settings, and where each is; undefined if the file has errors, which are then on stderr: the caller exits 78.
 * @param whose whose files must be readable, see config/load.ts
 */
export function loadPlaced(file: string, whose: readonly FileOwner[] = ["relay"]): Placed | undefined {
  const loaded = loadConfig(file, schemaFor, whose);
  if (loaded.kind === "ok") {
    return loaded;
  }
  process.stderr.write(loaded.faults.map((fault) => `${formatFault(fault)}\n`).join(""));
  return undefined;
}

/** As {@link loadPlaced}, the settings alone. */
export function loadSettings(file: string, whose: readonly FileOwner[] = ["relay"]): Settings | undefined {
  return loadPlaced(file, whose)?.settings;
}
