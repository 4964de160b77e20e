/**
 * Looks at a source as a sync would read it, and says what is suspicious: who the server is, what it holds, which
 * addresses its entries would give. Writes nothing.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { convertEntries } from "../convert/addresses.ts";
import { createRules } from "../convert/rules.ts";
import type { Rules } from "../convert/rules.ts";
import { valuesOf } from "../entry.ts";
import type { Entry } from "../entry.ts";
import { presetFor } from "../presets/preset-for.ts";
import type { LeftOut } from "../left-out.ts";
import { createScope } from "../convert/scope.ts";
import { parseTarget } from "../sources/dial.ts";
import { connectFirst } from "../sources/ldap.ts";
import type { LdapConnection } from "../sources/ldap-connection.ts";
import { explainBase } from "../sources/hints.ts";
import { guessPreset } from "../presets/guess.ts";
import { openSource } from "../sources/open.ts";
import { pagedSearch } from "../sources/paged-search.ts";
import { hasRanges, readEntry } from "../sources/ranges.ts";
import { noRootDse, readRootDse } from "../sources/root-dse.ts";
import type { Finding, Reading, Sample } from "./finding.ts";
import type { Source } from "../source.ts";
import { isPlainList, warningsOf } from "./probe-warnings.ts";
import { readUnasked, searchUnasked } from "../sources/unasked.ts";
import { errorMessage } from "../../src/report/error-message.ts";

const samplesShown = 10;
/** Domains and classes that are counted: a foreign directory could name any number. */
const maxNames = 1000;
/** Values that were left out, in all. */
const maxLeft = 500_000;

/**
 * Looks at a source. Whatever goes wrong is part of the finding.
 * @param folder where relative file names begin
 * @throws RangeError if the settings cannot be right
 */
export async function probeSource(
  settings: SourceSettings,
  domains: Domains,
  folder: string,
  signal: AbortSignal,
  takesCatchAll?: Rules["takesCatchAll"],
): Promise<Finding> {
  const more = takesCatchAll === undefined ? {} : { takesCatchAll };
  const rules = createRules(settings, presetFor(settings), createScope(settings.domains, domains), more);
  const reading = emptyReading(settings, rules);
  const takeSample = sampler(reading);
  const take = (entry: Entry): void => takeSample(look(entry, rules, reading));
  // For the checks of its settings, too.
  const source = openSource(settings, domains, folder, { ...more, look: take });
  let rootDse = noRootDse;
  try {
    if (settings.type === "ldap") {
      const connection = await connectFirst(settings.url.map(parseTarget), settings, folder, signal);
      try {
        rootDse = await readRootDse(connection);
        await readServer(connection, settings, rules, reading, take);
      } catch (fault) {
        throw await explainBase(fault, connection);
      } finally {
        connection.close();
      }
    } else {
      await readFile(source, settings, reading, signal, takeSample);
      if (settings.filter === "" && settings.type === "ldif") {
        reading.unasked = await readUnasked(settings, rules, folder, signal);
      }
    }
  } catch (error) {
    reading.fault = errorMessage(error);
  }
  reading.samples = reading.samples.slice(0, samplesShown);
  const guess = settings.type === "ldap" ? guessPreset(rootDse, reading.classes.keys()) : undefined;
  const facts = { source: settings.name, preset: rules.preset.name, guess, rootDse, reading };
  return { ...facts, warnings: warningsOf(facts, settings) };
}

function emptyReading(settings: SourceSettings, { preset }: Rules): Reading {
  return {
    entries: 0,
    addresses: 0,
    classes: new Map(),
    attributes: new Map(isPlainList(settings) ? [] : preset.addresses.map(({ attribute }) => [attribute, 0])),
    others: new Map(),
    skipped: {},
    left: [],
    foreign: new Map(),
    hints: [],
    samples: [],
    fault: "",
  };
}

async function readServer(
  connection: LdapConnection,
  settings: SourceSettings,
  rules: Rules,
  reading: Reading,
  take: (entry: Entry) => void,
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
  for await (const raw of pagedSearch(connection, query, settings.page_size)) {
    // Values that come in portions are asked for by the sync; a look at the entry does without.
    const ready = raw.filter((entry) => !hasRanges(entry));
    reading.entries += raw.length - ready.length;
    const entries = ready.map(readEntry);
    entries.forEach(take);
    noteOthers(entries, query.attributes, reading);
  }
  if (settings.filter === "") {
    reading.unasked = await searchUnasked(connection, settings, rules);
  }
}

function noteOthers(entries: readonly Entry[], asked: readonly string[], { others }: Reading): void {
  const names = new Set(asked.map((name) => name.toLowerCase()));
  for (const name of entries.flatMap(({ attributes }) => [...attributes.keys()])) {
    if (!names.has(name)) {
      addOne(others, name);
    }
  }
}

/** The entries of an LDIF file were looked at on the way; the lines of a list and the keys of a cdb are none. */
async function readFile(
  source: Source,
  settings: SourceSettings,
  reading: Reading,
  signal: AbortSignal,
  takeSample: (sample: Sample) => void,
): Promise<void> {
  for await (const { entries, found, skipped, left = [], hints = [] } of source.read(signal)) {
    reading.hints.push(...hints.filter(({ level }) => level === "warning").map(({ text }) => text));
    if (isPlainList(settings)) {
      reading.entries += entries;
      reading.addresses += found.length;
      addCounts(reading.skipped, skipped);
      addLeft(reading, left);
      found.forEach(({ entry, key, kind }) => takeSample({ entry, gives: [`${key} (${kind})`], left: [] }));
    }
  }
}

/** Ten out of all, evenly: the first ones are often the system's own. */
function sampler(reading: Reading): (sample: Sample) => void {
  let stride = 1;
  let seen = 0;
  return (sample) => {
    seen += 1;
    if (seen % stride === 0) {
      reading.samples.push(sample);
    }
    if (reading.samples.length >= 2 * samplesShown) {
      reading.samples = reading.samples.filter((_, i) => i % 2 === 0);
      stride *= 2;
    }
  };
}

/** Counts an entry, and returns what it gives. */
function look(entry: Entry, rules: Rules, reading: Reading): Sample {
  for (const name of valuesOf(entry, "objectclass")) {
    addOne(reading.classes, name);
  }
  for (const { attribute } of rules.preset.addresses) {
    if (valuesOf(entry, attribute).length > 0) {
      addOne(reading.attributes, attribute);
    }
  }
  const { found, skipped, left = [] } = convertEntries([entry], rules);
  reading.entries += 1;
  reading.addresses += found.length;
  addCounts(reading.skipped, skipped);
  addLeft(reading, left);
  return { entry: entry.dn, gives: found.map(({ key, kind }) => `${key} (${kind})`), left };
}

function addLeft({ left, foreign }: Reading, more: readonly LeftOut[]): void {
  for (const one of more) {
    if (left.length < maxLeft) {
      left.push(one);
    }
    if (one.why === "foreign domain") {
      addOne(foreign, one.value.slice(one.value.lastIndexOf("@") + 1));
    }
  }
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
