/** Makes the source that a `[[source]]` section describes. */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { createRules, type MoreRules, type Rules } from "../convert/addresses.ts";
import { presetFor } from "../presets/preset-for.ts";
import { createScope } from "../convert/scope.ts";
import type { Source } from "../source.ts";
import { createCdbSource } from "./cdb.ts";
import { withFileHints } from "./hints.ts";
import { createLdapSource } from "./ldap.ts";
import { createLdifSource } from "./ldif.ts";
import { createListSource } from "./list.ts";

/** Types whose catch-alls nobody wrote into a list. */
const directories: ReadonlySet<string> = new Set<SourceSettings["type"]>(["ldap", "ldif"]);

/**
 * Opens nothing yet: files and servers are asked by `read`.
 * @param folder that of the configuration file, where relative file names begin
 * @param more `look` is shown every entry that is read; a list and a cdb have none
 * @throws RangeError if the settings cannot be right (a URL, a filter, a domain that is not a relay domain)
 */
export function openSource(settings: SourceSettings, domains: Domains, folder: string, more?: MoreRules): Source {
  try {
    const rules = createRules(settings, presetFor(settings), createScope(settings.domains, domains), more);
    return { ...create(settings, rules, folder), isDirectory: directories.has(settings.type) };
  } catch (error) {
    throw error instanceof RangeError
      ? new RangeError(`source "${settings.name}": ${error.message}`, { cause: error })
      : error;
  }
}

function create(settings: SourceSettings, rules: Rules, folder: string): Source {
  switch (settings.type) {
    case "ldap":
      return createLdapSource(settings, rules, folder);
    case "ldif":
      return hinted(createLdifSource(settings, rules, folder), settings);
    case "cdb":
      return hinted(createCdbSource(settings, rules, folder), settings);
    case "list":
      return hinted(createListSource(settings, rules, folder), settings);
  }
}

function hinted(source: Source, { type }: SourceSettings): Source {
  return { ...source, read: (signal, notice) => withFileHints(source.read(signal, notice), type) };
}
