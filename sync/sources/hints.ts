/**
 * What is suspicious about a source whose list is complete, or could not be read: found while it is read, by what passes
 * anyway.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { type Batch, type Hint, SourceFault } from "../source.ts";
import {
  absentText,
  clearText,
  contextsText,
  emptyText,
  guessText,
  limitText,
  unaskedText,
  unmarkedText,
} from "./hint-words.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { noRootDse, readRootDse, type RootDse } from "./root-dse.ts";
import { guessPreset } from "../presets/guess.ts";
import type { Rules } from "../convert/rules.ts";
import type { Sightings } from "./sightings.ts";
import { asksByClass, markOf, searchUnasked, type Unasked } from "./unasked.ts";

const noSuchObject = 32;

/** What passed. */
interface Passed {
  readonly entries: number;
  readonly addresses: number;
}

/** The search for entries of other object classes comes with each full sync: how long it may take, in ms, … */
const searchDeadline = 20_000;
/** … and how much it may read. `probe` reads everything. */
const searchLimits = { pages: 20, entries: 10_000, emptyPages: 20 };

/** What was read, and of whom. */
export interface Asked {
  readonly connection: LdapConnection;
  readonly settings: SourceSettings;
  readonly rules: Rules;
  readonly sightings: Sightings;
  /** What the reading saw of entries that the filter leaves out; undefined, or not given: the server has to be asked. */
  readonly unasked?: () => Unasked | undefined;
}

/**
 * Passes the batches of a server on, and ends with what is suspicious about them. Nothing else may be asked afterwards.
 * For the last question a server may look at each of its entries: the list is complete before the answer.
 */
export async function* withHints(batches: AsyncIterable<Batch>, asked: Asked): AsyncGenerator<Batch> {
  const { connection, settings, sightings } = asked;
  const { entries, addresses } = yield* passOn(batches);
  // One small search: the reading is over, and a server that does not answer it has still given its list.
  const rootDse = await readRootDse(connection).catch(() => noRootDse);
  const left = entries > 0 || markOf(asked.rules) !== "" ? leftByFilter(asked, entries).catch(() => []) : [];
  const hints = [
    ...warnings(
      entries === 0 ? emptyText("ldap", rootDse.namingContexts) : limitText(entries, rootDse.offersPages),
      entries > 0 && addresses === 0 ? "no entry gives an address" : undefined,
      guessText(guessPreset(rootDse, sightings.classes().keys()), settings.preset),
      clearText(settings, rootDse.offersStartTls),
      connection.certificateHint(Date.now()),
    ),
    ...(entries === 0 ? [] : absent(sightings)),
  ];
  yield { entries: 0, found: [], skipped: {}, hints, complete: true };
  yield* said(await left);
}

/**
 * Entries that a filter by object class, or by an attribute that not everybody has, leaves out. The list is complete
 * already: a failure of this search is not reported, and `probe` is there for who wants to know.
 */
async function leftByFilter(asked: Asked, entries: number): Promise<Hint[]> {
  const { connection, settings, rules, sightings } = asked;
  if (settings.filter !== "" || !asksByClass(rules)) {
    return [];
  }
  const seen = asked.unasked?.();
  if (seen !== undefined) {
    return filterHints(seen, entries);
  }
  // A list may be built meanwhile, in one turn of the event loop: what came until then is read before.
  const timer = setTimeout(() => setImmediate(() => connection.close()), searchDeadline);
  // The server leaves out what was read already, so that there is hardly ever anything to send.
  const extent = { seen: sightings.classes().keys(), limits: searchLimits };
  const unasked = await searchUnasked(connection, settings, rules, extent);
  clearTimeout(timer);
  return filterHints(unasked, entries);
}

/** A few entries without the attribute are usual; most of them are a directory that does not use it. */
export function filterHints(unasked: Unasked, entries: number): Hint[] {
  const text = unmarkedText(unasked);
  const level = unasked.unmarked.entries < entries ? "info" : "warning";
  return [...warnings(unaskedText(unasked)), ...(text === undefined ? [] : [{ level, text } as const])];
}

/** Passes the batches of a file on, and says where there was nothing in it. */
export async function* withFileHints(
  batches: AsyncIterable<Batch>,
  type: SourceSettings["type"],
): AsyncGenerator<Batch> {
  const { entries, addresses } = yield* passOn(batches);
  yield* said(
    warnings(
      entries === 0 ? emptyText(type, []) : addresses === 0 ? "no entry gives an address" : undefined,
      entries > 0 && type === "ldif" ? limitText(entries, undefined) : undefined,
    ),
  );
}

async function* passOn(batches: AsyncIterable<Batch>): AsyncGenerator<Batch, Passed> {
  let entries = 0;
  let addresses = 0;
  for await (const batch of batches) {
    [entries, addresses] = batch.again === true ? [0, 0] : [entries, addresses];
    entries += batch.entries;
    addresses += batch.found.length;
    yield batch;
  }
  return { entries, addresses };
}

function* said(hints: readonly Hint[]): Generator<Batch> {
  if (hints.length > 0) {
    yield { entries: 0, found: [], skipped: {}, hints };
  }
}

function warnings(...texts: readonly (string | undefined)[]): Hint[] {
  return texts.flatMap((text) => (text === undefined ? [] : [{ level: "warning" as const, text }]));
}

/** An attribute that nobody has is usual, unless the server has another name for it. */
function absent({ missing, others }: Sightings): Hint[] {
  const level = others.size === 0 ? "info" : "warning";
  return [...missing].map((attribute) => ({ level, text: absentText(attribute, others) }));
}

/** A base that is not there, with those that are. */
export async function explainBase(fault: unknown, connection: LdapConnection): Promise<unknown> {
  if (!(fault instanceof SourceFault) || fault.code !== noSuchObject) {
    return fault;
  }
  const { namingContexts }: RootDse = await readRootDse(connection).catch(() => noRootDse);
  const contexts = contextsText(namingContexts.slice(0, 20));
  return new SourceFault(fault.reason, `${fault.message}${contexts}`, { cause: fault, code: noSuchObject });
}
