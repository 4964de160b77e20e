/** The warnings of a configuration, those that only show in its files included: for `config check` and the relay's log. */
import type { FileOwner } from "../config/field-meta.ts";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

import { backEnds } from "../auth/backends/registry.ts";
import { parseClientRules } from "../clients/tcprules.ts";
import type { ParsedClientRules } from "../clients/tcprules.ts";
import { backEndWarnings } from "../config/back-ends.ts";
import type { Loaded } from "../config/load.ts";
import type { Settings } from "../config/sections.ts";
import type { Fault } from "../config/toml.ts";
import { worldWarnings } from "../config/route-warnings.ts";
import { settingWarnings } from "../config/warnings.ts";
import type { Warning } from "../config/warning.ts";
import type { Log } from "../report/log.ts";
import { certificateWarnings } from "./certificate-warnings.ts";
import { missingLists } from "./list-warnings.ts";
import { networkWarnings } from "./network-folders.ts";
import { addressWarnings, folderWarnings, programWarnings, secretWarnings } from "./place-warnings.ts";
import { pluginWarnings } from "./plugin-warnings.ts";
import { proxyWarnings } from "./proxy-warnings.ts";
import { stateWarnings } from "./state-place.ts";
import { listenersOf } from "../config/listening.ts";

type Good = Extract<Loaded, { kind: "ok" }>;

/** Looks at settings together with the files that they name, or with the machine. */
type FindFileWarnings = (
  settings: Settings,
  rules: readonly ParsedClientRules[],
  /** Of the configuration file. */
  folder: string,
) => readonly Warning[];

/** To add a warning that needs client rules, files or the machine, name its function here. */
const finders: readonly FindFileWarnings[] = [
  missingLists,
  folderWarnings,
  (settings) => networkWarnings(settings),
  programWarnings,
  (settings, _, folder) => secretWarnings(settings, folder),
  addressWarnings,
  certificateWarnings,
  pluginWarnings,
  ({ auth, listener, web }) => backEndWarnings(auth, listener, web.users.length > 0, backEnds),
  stateWarnings,
  proxyWarnings,
  (settings, rules) =>
    worldWarnings(
      settings,
      rules.some((file) => file.rules.gives("RELAYCLIENT")),
    ),
];

/** Sections that only `sync` reads: the relay neither has their files nor logs their warnings. */
const syncSections: ReadonlySet<PropertyKey> = new Set(["sync", "source", "publish", "alert"]);

/**
 * Every warning, in the order of the lines.
 * @param whose without "sync", what only the sync reads is left out
 */
export function warningsOf({ settings, given }: Good, whose: readonly FileOwner[]): Fault[] {
  const rules = clientRules(settings);
  const folder = dirname(given.fault([], "").file);
  const found = [...settingWarnings(settings), ...finders.flatMap((find) => find(settings, rules, folder))];
  const placed = found
    .filter(({ path }) => whose.includes("sync") || !syncSections.has(path[0] ?? ""))
    .map(({ path, message }) => given.fault(path, message))
    .sort((a, b) => a.line - b.line || a.column - b.column);
  return [...placed, ...rules.flatMap(({ warnings }) => warnings.map((warning) => ({ ...warning, key: "" })))];
}

/** Writes the warnings of a relay's configuration to its log. */
export function logWarnings(loaded: Good, log: Log): void {
  for (const { file: where, line, column, key, message } of warningsOf(loaded, ["relay"])) {
    log.warning("config", "warning", {
      at: `${where}:${line}:${column}`,
      key: key === "" ? undefined : key,
      why: message,
    });
  }
}

/** Every file of client rules once; one that cannot be read is reported elsewhere, as an error. */
function clientRules(settings: Settings): ParsedClientRules[] {
  const files = new Set(listenersOf(settings).map(({ rules }) => rules));
  return [...files].flatMap((path) => {
    try {
      return path === "" ? [] : [parseClientRules(readFileSync(path, "utf8"), path)];
    } catch {
      return [];
    }
  });
}
