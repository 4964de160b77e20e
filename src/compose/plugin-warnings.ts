/** Plugins of qmail-spp that a list names and that cannot be run: the first client would learn of it, by a 451. */
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

import { errorCode } from "../report/error-message.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import type { ParsedClientRules } from "../clients/tcprules.ts";
import { parsePlugins, pluginHooks } from "../spp/config.ts";
import type { Plugin } from "../spp/config.ts";

/** More would bury the rest. */
const most = 20;

/** Every list that is in use: of `[spp]`, of a listener's variables, of client rules. */
export function pluginWarnings(settings: Settings, rules: readonly ParsedClientRules[]): Warning[] {
  const { spp, listener, checks } = settings;
  const [home, config] = [String(spp["home"]), String(spp["config"])];
  const runs = [checks.run, ...listener.map((each) => each.checks ?? [])].some((run) => run.includes("spp"));
  if (!runs || spp.mode === "off") {
    return [];
  }
  const lists = new Map<string, readonly PropertyKey[]>();
  const add = (name: string | undefined, path: readonly PropertyKey[]): void => {
    if (name !== undefined && name !== "" && !lists.has(resolve(home, name))) {
      lists.set(resolve(home, name), path);
    }
  };
  add(config, ["spp", "config"]);
  listener.forEach(({ variables }, i) => add(variables["SPPCONFFILE"], ["listener", i, "variables", "SPPCONFFILE"]));
  rules.forEach((file) => file.rules.valuesOf("SPPCONFFILE").forEach((name) => add(name, ["clients", "rules"])));
  return [...lists].flatMap(([list, path]) => listWarnings(list, path, home));
}

function listWarnings(list: string, path: readonly PropertyKey[], home: string): Warning[] {
  let text: string;
  try {
    // A device such as /dev/null says none, see spp/config.ts.
    text = statSync(list).isFile() ? readFileSync(list, "utf8") : "";
  } catch (error) {
    return missingList(list, path, errorCode(error));
  }
  const sections = parsePlugins(text);
  const plugins = pluginHooks.flatMap((hook) => sections[hook].map((plugin) => ({ hook, plugin })));
  return plugins
    .flatMap(({ hook, plugin }) => {
      const fault = pluginFault(plugin, home);
      return fault === undefined ? [] : [{ path, message: `${list}: the plugin "${plugin.line}" at ${hook} ${fault}` }];
    })
    .slice(0, most);
}

/** Where nobody has any plugins, the default names a list that is not there. */
function missingList(list: string, path: readonly PropertyKey[], code: string): Warning[] {
  if (code === "ENOENT" || code === "ENOTDIR") {
    const isDefault = list === "/var/qmail/control/smtpplugins";
    return isDefault ? [] : [{ path, message: `"${list}" is missing: no plugin runs until it is there` }];
  }
  return [{ path, message: `"${list}" cannot be read (${code}): every client would get 421` }];
}

function pluginFault({ line, file }: Plugin, home: string): string | undefined {
  const program = resolve(home, file);
  const first = line.split(/[ \t]/, 1)[0] ?? "";
  try {
    if (!statSync(program).isFile()) {
      return "is not a file";
    }
  } catch (error) {
    const code = errorCode(error);
    return code === "EACCES"
      ? `may not be looked at by this user`
      : `is missing (${program})${first === line ? "" : `; a line is one file name, without arguments: write ":${line}" for the shell`}`;
  }
  try {
    accessSync(program, constants.X_OK);
    return undefined;
  } catch {
    return `is not executable: chmod +x ${program}`;
  }
}
