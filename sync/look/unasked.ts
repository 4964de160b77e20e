/**
 * Which entries hold addresses of ours, and are of object classes that the preset's filter does not ask for: rooms,
 * lists or shared mailboxes that a directory keeps in classes of its own.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { convertEntries, type Rules } from "../convert/addresses.ts";
import { canonicalName } from "../convert/attribute-names.ts";
import { foldDn, isBelow } from "../convert/distinguished-name.ts";
import { type Entry, valuesOf } from "../entry.ts";
import type { Form } from "../presets/preset.ts";
import { type Filter, parseFilter } from "../sources/filter.ts";
import { compileFilter } from "../sources/filter-evaluator.ts";
import type { LdapConnection } from "../sources/ldap-connection.ts";
import { parseLdif } from "../sources/ldif-parser.ts";
import { openText } from "../sources/lines.ts";
import { pagedSearch } from "../sources/paged-search.ts";
import { hasRanges, wholeEntries } from "../sources/ranges.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** What was found. */
export interface Unasked {
  entries: number;
  /** Class as written → entries. Bounded. */
  readonly classes: Map<string, number>;
  /** The DN of one of them. */
  example: string;
  /** Why the search did not come to its end; "" where it did. */
  fault: string;
}

/** Classes that are counted. */
const maxClasses = 100;
/** Forms whose values are addresses; a name could be anything's. */
const addressForms: ReadonlySet<Form> = new Set(["address", "invented", "prefixed", "plain"]);

/** The attributes that are looked at. */
function addressAttributes({ preset }: Rules): string[] {
  const names = preset.addresses.filter(({ form }) => addressForms.has(form)).map(({ attribute }) => attribute);
  return [...new Set([...names, "mail"])];
}

/**
 * Asks a server for everything that has an address. `(!(filter))` would not do: to a server that does not know one of
 * the classes it is neither true nor false.
 */
export async function searchUnasked(
  connection: LdapConnection,
  settings: SourceSettings,
  rules: Rules,
): Promise<Unasked> {
  const names = addressAttributes(rules);
  const query = {
    base: settings.base,
    scope: "sub",
    filter: `(|${names.map((name) => `(${name}=*)`).join("")})`,
    attributes: ["objectClass", ...names],
    controls: rules.preset.controls,
  } as const;
  const { found, take } = collect(rules);
  try {
    for await (const raw of pagedSearch(connection, query, settings.page_size)) {
      const ready = raw.filter((entry) => !hasRanges([entry]));
      (await wholeEntries(ready, connection)).forEach(take);
    }
  } catch (error) {
    found.fault = errorMessage(error);
  }
  return found;
}

/**
 * Reads an LDIF file once more.
 * @throws SourceFault as the source does
 */
export async function readUnasked(
  settings: SourceSettings,
  rules: Rules,
  folder: string,
  signal: AbortSignal,
): Promise<Unasked> {
  const { text, file } = await openText(settings.url, folder, signal);
  const base = foldDn(settings.base);
  const { found, take } = collect(rules);
  for await (const entry of parseLdif(text, file, new Set(["objectclass", ...addressAttributes(rules)]))) {
    if (isBelow(foldDn(entry.dn), base)) {
      take(entry);
    }
  }
  return found;
}

function collect(rules: Rules): { readonly found: Unasked; readonly take: (entry: Entry) => void } {
  const filter = parseFilter(rules.preset.filter);
  const found: Unasked = { entries: 0, classes: new Map(), example: "", fault: "" };
  const asked = new Set<string>();
  return {
    found,
    take(entry) {
      const classes = valuesOf(entry, "objectclass");
      if (classesFit(filter, entry) !== false) {
        classes.forEach((name) => asked.add(name.toLowerCase()));
        classes.forEach((name) => found.classes.delete(name));
      } else if (convertEntries([entry], { ...rules, look: undefined }).found.length > 0) {
        found.entries += 1;
        found.example ||= entry.dn;
        for (const name of classes.filter((each) => !asked.has(each.toLowerCase()))) {
          if (found.classes.has(name) || found.classes.size < maxClasses) {
            found.classes.set(name, (found.classes.get(name) ?? 0) + 1);
          }
        }
      }
    },
  };
}

/** What a filter says of an entry by its object classes alone; undefined: other attributes decide. */
export function classesFit(filter: Filter, entry: Entry): boolean | undefined {
  switch (filter.kind) {
    case "and": {
      const all = filter.filters.map((each) => classesFit(each, entry));
      return all.includes(false) ? false : all.includes(undefined) ? undefined : true;
    }
    case "or": {
      const all = filter.filters.map((each) => classesFit(each, entry));
      return all.includes(true) ? true : all.includes(undefined) ? undefined : false;
    }
    case "not": {
      const inner = classesFit(filter.filter, entry);
      return inner === undefined ? undefined : !inner;
    }
    case "extensible":
      return undefined;
    case "present":
    case "substrings":
    case "equal":
    case "approximate":
    case "at-least":
    case "at-most":
      return canonicalName(filter.attribute) === "objectclass" ? compileFilter(filter)(entry) : undefined;
  }
}
