/** What a directory server gives, once it has taken the bind: its entries converted, batch by batch. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { Conversion } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import type { ChangeAttribute } from "../presets/preset.ts";
import { type Batch, SourceFault } from "../source.ts";
import { askByAddress, type ClassGate, gateFor, type Page } from "./by-address.ts";
import { changedFilter, type Reached, startWatch, type Watch } from "./changes.ts";
import type { FoundEntry } from "./found-entry.ts";
import { withHints } from "./hints.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { pagedSearch, type Query } from "./paged-search.ts";
import { PlainEntries } from "./plain-entries.ts";
import { hasRanges, readEntry, wholeEntry } from "./ranges.ts";
import { createSightings, type Sightings } from "./sightings.ts";
import type { Unasked } from "./unasked.ts";

/** Entries that wait for the end of the search because their values come in portions. */
const maxHeld = 10_000;

/** How a server is asked. */
export interface Plan {
  readonly settings: SourceSettings;
  readonly rules: Rules;
  readonly changes: ChangeAttribute | undefined;
  readonly query: Query;
}

/**
 * Reads its list, and says what is suspicious about it; or what changed since then.
 * @param since "" is never
 * @throws SourceFault
 */
export async function* readServer(connection: LdapConnection, plan: Plan, since: Reached): AsyncGenerator<Batch> {
  const { settings, rules, changes, query } = plan;
  const watch = changes === undefined ? unwatched : await startWatch(changes, connection, since);
  const attributes = watch.attribute === "" ? query.attributes : [...query.attributes, watch.attribute];
  const sightings = createSightings(rules, attributes);
  const ask = (filter: string): AsyncIterable<readonly FoundEntry[]> =>
    pagedSearch(connection, { ...query, filter, attributes }, settings.page_size, { form: "unchecked" });
  const way = { connection, watch, rules, sightings };
  if (since !== "" && changes !== undefined) {
    yield* readBatches(ask(await changedFilter(changes, since, query.filter, connection)), way);
    return;
  }
  const gate = gateFor(settings, rules);
  if (gate === undefined) {
    yield* withHints(readBatches(ask(query.filter), way), { connection, settings, rules, sightings });
    return;
  }
  const pages = askByAddress(gate, rules, ask);
  const unasked = (): Unasked | undefined => gate.unasked();
  yield* withHints(readBatches(pages, { ...way, gate }), { connection, settings, rules, sightings, unasked });
}

const unwatched: Watch = { attribute: "", note: () => undefined, reached: () => "" };

/** What the entries of one reading go through. */
interface Way {
  readonly connection: LdapConnection;
  readonly watch: Watch;
  readonly rules: Rules;
  readonly sightings: Sightings;
  readonly gate?: ClassGate;
}

async function* readBatches(pages: AsyncIterable<Page>, way: Way): AsyncGenerator<Batch> {
  const { connection, watch, rules, sightings, gate } = way;
  const conversion = new Conversion(rules);
  const plain = new PlainEntries(rules, conversion, sightings, watch, gate);
  const held: FoundEntry[] = [];
  const convert = (entry: FoundEntry): void => {
    if (plain.convert(entry)) {
      return;
    }
    entry.check();
    if (hasRanges(entry)) {
      held.push(entry);
    } else {
      conversion.entry(readEntry(entry));
    }
  };
  for await (const raw of pages) {
    if (raw === "again") {
      held.length = 0;
      yield { entries: 0, found: [], skipped: {}, again: true };
      continue;
    }
    try {
      raw.forEach(convert);
    } catch (error) {
      throw error instanceof RangeError ? connection.notLdap(error) : error;
    }
    if (held.length > maxHeld) {
      throw new SourceFault("incomplete", `More than ${maxHeld} entries whose values come in portions`);
    }
    yield conversion.take();
  }
  for (const entry of held) {
    conversion.entry(await wholeEntry(entry, connection));
    yield conversion.take();
  }
  yield { entries: 0, found: [], skipped: {}, reached: watch.reached() };
}
