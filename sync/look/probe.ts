/**
 * Looks at a source as a sync would read it, and says what is odd: who the server is, what it holds, which addresses
 * its entries would give. Writes nothing.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { convertEntries, createRules } from "../convert/addresses.ts";
import type { Rules } from "../convert/addresses.ts";
import { valuesOf } from "../entry.ts";
import type { Entry } from "../entry.ts";
import { presetFor } from "../presets/table.ts";
import { guessPreset, noRootDse, readRootDse } from "./root-dse.ts";
import { createScope } from "../convert/scope.ts";
import { parseTarget } from "../sources/dial.ts";
import { connectFirst } from "../sources/ldap.ts";
import type { LdapConnection } from "../sources/ldap-connection.ts";
import { openSource } from "../sources/open.ts";
import { pagedSearch } from "../sources/paged-search.ts";
import { hasRanges, wholeEntries } from "../sources/ranges.ts";
import type { Finding, Reading, Sample } from "./finding.ts";
import { warningsOf } from "./probe-warnings.ts";

const samplesShown = 10;
/** Domains and classes that are counted: a directory of strangers could name any number. */
const maxNames = 1000;

/**
 * Looks at a source. Whatever goes wrong is part of the finding.
 * @param folder where relative file names begin
 * @throws RangeError where the settings cannot be right
 */
export async function probeSource(
  settings: SourceSettings,
  domains: Domains,
  folder: string,
  signal: AbortSignal,
): Promise<Finding> {
  const rules = createRules(settings, presetFor(settings), createScope(settings.domains, domains));
  const reading: Reading = {
    entries: 0,
    addresses: 0,
    classes: new Map(),
    attributes: new Map(rules.preset.addresses.map(({ attribute }) => [attribute, 0])),
    skipped: {},
    foreign: new Map(),
    samples: [],
    fault: "",
  };
  // For the checks of its settings, too.
  const source = openSource(settings, domains, folder);
  let rootDse = noRootDse;
  try {
    if (settings.type === "ldap") {
      const connection = await connectFirst(settings.url.map(parseTarget), settings, folder, signal);
      try {
        rootDse = await readRootDse(connection);
        await readEntries(connection, settings, rules, reading);
      } finally {
        connection.close();
      }
    } else {
      for await (const { entries, found, skipped } of source.read(signal)) {
        reading.entries += entries;
        reading.addresses += found.length;
        addCounts(reading.skipped, skipped);
        const fresh = found.slice(0, samplesShown - reading.samples.length);
        reading.samples.push(
          ...fresh.map(({ entry, key, kind }) => ({ entry, gives: [`${key} (${kind})`], skipped: {} })),
        );
      }
    }
  } catch (error) {
    reading.fault = error instanceof Error ? error.message : String(error);
  }
  reading.samples = reading.samples.slice(0, samplesShown);
  const guess = settings.type === "ldap" ? guessPreset(rootDse, reading.classes) : undefined;
  const facts = { source: settings.name, preset: settings.preset, guess, rootDse, reading };
  return { ...facts, warnings: warningsOf(facts, settings) };
}

async function readEntries(
  connection: LdapConnection,
  settings: SourceSettings,
  rules: Rules,
  reading: Reading,
): Promise<void> {
  const { addresses, exclusions, filter, controls } = rules.preset;
  const names = [...addresses, ...exclusions].map(({ attribute }) => attribute);
  const query = {
    base: settings.base,
    scope: "sub",
    filter,
    attributes: ["objectClass", ...new Set(names)],
    controls,
  } as const;
  let stride = 1;
  for await (const raw of pagedSearch(connection, query, settings.page_size)) {
    // Values that come in portions are asked for by the sync; a look at the entry does without.
    const ready = raw.filter((entry) => !hasRanges([entry]));
    reading.entries += raw.length - ready.length;
    for (const entry of await wholeEntries(ready, connection)) {
      reading.entries += 1;
      const sample = look(entry, rules, reading);
      if (reading.entries % stride === 0) {
        reading.samples.push(sample);
      }
      // Ten out of all, evenly: the first ones are often the system's own.
      if (reading.samples.length >= 2 * samplesShown) {
        reading.samples = reading.samples.filter((_, i) => i % 2 === 0);
        stride *= 2;
      }
    }
  }
}

/** Counts an entry, and tells what it gives. */
function look(entry: Entry, rules: Rules, reading: Reading): Sample {
  for (const name of valuesOf(entry, "objectclass")) {
    addOne(reading.classes, name);
  }
  for (const { attribute } of rules.preset.addresses) {
    const values = valuesOf(entry, attribute);
    if (values.length > 0) {
      addOne(reading.attributes, attribute);
    }
    for (const value of values) {
      const domain = /@([^@\s]+)$/.exec(value)?.[1]?.toLowerCase();
      if (domain !== undefined && rules.scope.canonical(domain) === undefined) {
        addOne(reading.foreign, domain);
      }
    }
  }
  const { found, skipped } = convertEntries([entry], rules);
  reading.addresses += found.length;
  addCounts(reading.skipped, skipped);
  return { entry: entry.dn, gives: found.map(({ key, kind }) => `${key} (${kind})`), skipped };
}

function addOne(counts: Map<string, number>, name: string): void {
  if (counts.has(name) || counts.size < maxNames) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}

function addCounts(sum: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [why, count] of Object.entries(more)) {
    sum[why] = (sum[why] ?? 0) + count;
  }
}
