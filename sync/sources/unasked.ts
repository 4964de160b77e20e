/**
 * Which entries have addresses of the relay domains, and are of object classes that the preset's filter does not ask
 * for: rooms, lists or shared mailboxes that a directory keeps in classes of its own. And which are of the right class
 * and lack the attribute by which the filter knows a recipient: an Active Directory without Exchange has only `mail`.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { convertEntries } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import { canonicalName } from "../convert/attribute-names.ts";
import { foldDn, isBelow } from "../convert/distinguished-name.ts";
import { type Entry, valuesOf } from "../entry.ts";
import type { Form } from "../presets/preset.ts";
import { type Filter, parseFilter } from "./filter.ts";
import { compileFilter } from "./filter-evaluator.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { parseLdif } from "./ldif-parser.ts";
import { openText } from "./lines.ts";
import { type Ceilings, ceilings } from "./page-guard.ts";
import { pagedSearch } from "./paged-search.ts";
import { hasRanges, readEntry } from "./ranges.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** What was found. */
export interface Unasked {
  entries: number;
  /** Class as written → entries. Bounded. */
  readonly classes: Map<string, number>;
  /** The DN of one of them. */
  example: string;
  /** Those of a class that is asked for, without the attribute that the filter wants. */
  readonly unmarked: { entries: number; example: string; readonly mark: string };
  /** Why the search did not come to its end; "" if it did. */
  fault: string;
}

/** Classes that are counted. */
const maxClasses = 100;
/** Classes of entries that are asked for, which are remembered. */
const maxAsked = 1000;
/** Forms whose values are addresses; a name could be anything's. */
const addressForms: ReadonlySet<Form> = new Set(["address", "invented", "prefixed", "plain"]);

/** The attributes that are looked at. */
function addressAttributes({ preset }: Rules): string[] {
  const names = preset.addresses.filter(({ form }) => addressForms.has(form)).map(({ attribute }) => attribute);
  return [...new Set([...names, "mail"])];
}

/** How much is looked at. */
interface Extent {
  /** Classes that the server is known to know: entries of those that are asked for are then left out by the server. */
  readonly seen?: Iterable<string>;
  readonly limits?: Ceilings;
}

/**
 * Asks a server for everything that has an address. `(!(filter))` would not do: to a server that does not know one of
 * the classes it is neither true nor false.
 */
export async function searchUnasked(
  connection: LdapConnection,
  settings: SourceSettings,
  rules: Rules,
  { seen = [], limits = ceilings }: Extent = {},
): Promise<Unasked> {
  const names = addressAttributes(rules);
  const known = askedClasses(rules, seen);
  const mark = markOf(rules);
  const any = `(|${names.map((name) => `(${name}=*)`).join("")})`;
  const unknown = `(!(|${known.map((name) => `(objectClass=${name})`).join("")}))`;
  const left = mark === "" ? unknown : `(|${unknown}(!(${mark}=*)))`;
  const query = {
    base: settings.base,
    scope: "sub",
    filter: known.length === 0 ? any : `(&${any}${left})`,
    attributes: ["objectClass", ...names],
    controls: rules.preset.controls,
  } as const;
  const { found, take } = collectUnasked(rules);
  try {
    for await (const raw of pagedSearch(connection, query, settings.page_size, { limits })) {
      raw.filter((entry) => !hasRanges(entry)).forEach((entry) => take(readEntry(entry)));
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
  const { found, take } = collectUnasked(rules);
  for await (const entry of parseLdif(text, file, new Set(["objectclass", ...addressAttributes(rules)]))) {
    if (isBelow(foldDn(entry.dn), base)) {
      take(entry);
    }
  }
  return found;
}

/** Whether a filter asks for some classes and not for others. */
export function asksByClass({ preset }: Rules): boolean {
  return classesFit(parseFilter(preset.filter), namedClasses([])) === false;
}

/** The attribute without which no entry passes the filter, as it writes it, if others hold addresses too; "" is none. */
export function markOf({ preset }: Rules): string {
  const filter = parseFilter(preset.filter);
  const all = filter.kind === "and" ? filter.filters : [];
  const wanted = all.flatMap((one) => (one.kind === "present" ? [one.attribute] : []));
  return wanted.find((name) => preset.addresses.some(({ attribute }) => attribute === name.toLowerCase())) ?? "";
}

/** Which of these classes are asked for. */
function askedClasses({ preset }: Rules, classes: Iterable<string>): string[] {
  const filter = parseFilter(preset.filter);
  return [...classes].filter((name) => className.test(name) && classesFit(filter, namedClasses([name])) !== false);
}

/** What needs no escape in a filter. RFC 4512 1.4. */
const className = /^[A-Za-z][A-Za-z0-9-]*$/;

/** An entry of which nothing else is known. */
export function namedClasses(names: readonly string[]): Entry {
  return { dn: "", attributes: new Map([["objectclass", names]]) };
}

/** Looks at entries one after the other. */
export function collectUnasked(rules: Rules): { readonly found: Unasked; readonly take: (entry: Entry) => void } {
  const filter = parseFilter(rules.preset.filter);
  const mark = markOf(rules);
  const unmarked = { entries: 0, example: "", mark };
  const found: Unasked = { entries: 0, classes: new Map(), example: "", unmarked, fault: "" };
  const asked = new Set<string>();
  // A million entries have a dozen sets of classes.
  const known = new Map<string, boolean>();
  const isAsked = (entry: Entry, classes: readonly string[]): boolean => {
    const key = classes.join("\n");
    const fits = known.get(key) ?? classesFit(filter, entry) !== false;
    if (known.size < maxAsked) {
      known.set(key, fits);
    }
    return fits;
  };
  return {
    found,
    take(entry) {
      const classes = valuesOf(entry, "objectclass");
      if (isAsked(entry, classes)) {
        classes.filter(() => asked.size < maxAsked).forEach((name) => asked.add(name.toLowerCase()));
        classes.forEach((name) => found.classes.delete(name));
        if (mark !== "" && valuesOf(entry, mark.toLowerCase()).length === 0 && hasAddress(entry, rules)) {
          unmarked.entries += 1;
          unmarked.example ||= entry.dn;
        }
      } else if (hasAddress(entry, rules)) {
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

function hasAddress(entry: Entry, rules: Rules): boolean {
  return convertEntries([entry], { ...rules, look: undefined }).found.length > 0;
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
