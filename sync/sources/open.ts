/** Makes the source that a `[[source]]` section describes. */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { createRules, type MoreRules, type Rules } from "../convert/rules.ts";
import { presetFor } from "../presets/preset-for.ts";
import { createScope } from "../convert/scope.ts";
import type { Source } from "../source.ts";
import { createCdbSource } from "./cdb.ts";
import { outputOf } from "./command.ts";
import { createCsvSource } from "./csv.ts";
import { createGoogleSource } from "./google.ts";
import { createGraphSource } from "./graph.ts";
import { withFileHints } from "./hints.ts";
import { createLdapSource, type Purpose } from "./ldap.ts";
import { createLdifSource } from "./ldif.ts";
import { createListSource } from "./list.ts";
import { openText, type OpenText } from "./lines.ts";
import { createScimSource } from "./scim.ts";
import { createSqlSource } from "./sql.ts";

/**
 * Opens nothing yet: files and servers are asked by `read`.
 * @param folder that of the configuration file, where relative file names begin
 * @param more `look` is shown every entry that is read; a list and a cdb have none
 * @param purpose not given: full readings are followed by incremental ones
 * @throws RangeError if the settings cannot be right (a URL, a filter, a domain that is not a relay domain)
 */
export function openSource(
  settings: SourceSettings,
  domains: Domains,
  folder: string,
  more?: MoreRules,
  purpose: Purpose = { increments: true },
): Source {
  try {
    const rules = createRules(settings, presetFor(settings), createScope(settings.domains, domains), more);
    return { ...create(settings, rules, folder, purpose), isDirectory: isDirectory(settings, rules) };
  } catch (error) {
    throw error instanceof RangeError
      ? new RangeError(`source "${settings.name}": ${error.message}`, { cause: error })
      : error;
  }
}

/** Whether nobody wrote its catch-alls into it to be ones. */
function isDirectory({ type, format }: SourceSettings, { preset }: Rules): boolean {
  const read = type === "command" ? format : type;
  return read !== "list" && read !== "cdb" && !preset.addresses.some(({ catchAll }) => catchAll === true);
}

function create(settings: SourceSettings, rules: Rules, folder: string, purpose: Purpose): Source {
  const { type, url } = settings;
  switch (type) {
    case "ldap":
      return createLdapSource(settings, rules, folder, purpose);
    case "cdb":
      return hinted(createCdbSource(settings, rules, folder), type);
    case "sql":
      return hinted(createSqlSource(settings, rules, folder), type);
    case "graph":
      return hinted(createGraphSource(settings, rules, folder), type);
    case "google":
      return hinted(createGoogleSource(settings, rules, folder), type);
    case "scim":
      return hinted(createScimSource(settings, rules, folder), type);
    case "command":
      return hinted(readers[settings.format](settings, rules, outputOf(settings)), settings.format);
    case "ldif":
    case "csv":
    case "list":
      return hinted(
        readers[type](settings, rules, (signal) => openText(url, folder, signal)),
        type,
      );
  }
}

/** What reads a text, by its format. */
const readers: Readonly<
  Record<SourceSettings["format"], (settings: SourceSettings, rules: Rules, open: OpenText) => Source>
> = { ldif: createLdifSource, csv: createCsvSource, list: createListSource };

function hinted(source: Source, type: SourceSettings["type"]): Source {
  return { ...source, read: (signal, notice) => withFileHints(source.read(signal, notice), type) };
}
