/** Loads the configuration for a verb, or prints every fault of it. */
import { checks } from "../checks/registry.ts";
import { loadConfig } from "../config/load.ts";
import type { Loaded } from "../config/load.ts";
import { createSchema } from "../config/sections.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";

/** The schema with the checks that this program has. */
export const schema = createSchema(checks);

/** Where the configuration is looked for if nobody says. */
export const defaultConfig = "/etc/goodmailto/goodmailto.toml";

type Good = Extract<Loaded, { kind: "ok" }>;

/**
 * The settings, and where each stands; undefined if the file has faults, which are then on stderr: the caller exits 78.
 * @param whose whose files must be readable, see config/load.ts
 */
export function loadPlaced(file: string, whose: readonly ("relay" | "sync")[] = ["relay"]): Good | undefined {
  const loaded = loadConfig(file, schema, whose);
  if (loaded.kind === "ok") {
    return loaded;
  }
  process.stderr.write(loaded.faults.map((fault) => `${formatFault(fault)}\n`).join(""));
  return undefined;
}

/** As {@link loadPlaced}, the settings alone. */
export function loadSettings(file: string, whose: readonly ("relay" | "sync")[] = ["relay"]): Settings | undefined {
  return loadPlaced(file, whose)?.settings;
}
