/**
 * The journal as somebody leafs through it: a page of events, the newest first, and where the next page begins. A part is
 * read in bites with a look at the clock after each, so that nobody waits long for a search that finds little.
 */
import type Database from "better-sqlite3";

import { errorMessage } from "../report/error-message.ts";
import type { EventKind, MailEvent } from "../report/event.ts";
import { eventOfRow } from "./event-row.ts";
import type { Row } from "./event-row.ts";
import { idsWith, newest, readPart } from "./part-file.ts";
import { partsIn } from "./parts.ts";
import type { Part } from "./parts.ts";
import type { Wanted } from "./search-keys.ts";
import type { Unread } from "./search.ts";

/** What somebody looks for. Times are ms since 1970. */
export interface Browsing {
  /** Undefined: everything. */
  readonly wanted: Wanted | undefined;
  readonly kind: EventKind | undefined;
  readonly since: number;
  readonly until: number;
  /** Where the page begins, as another page has said it; undefined: at the newest. */
  readonly from: string | undefined;
  readonly limit: number;
  /** ms after which it ends with what it has. */
  readonly patience: number;
}

/** A page. */
export interface Browsed {
  readonly events: readonly MailEvent[];
  /** Where the next one begins; undefined: there is none. */
  readonly next: string | undefined;
  /** Whether the time was over before the page was full. */
  readonly isCut: boolean;
  readonly unread: readonly Unread[];
}

/** A place in the journal: the part of a day, and the row of it above the next page. */
interface Place {
  readonly begins: number;
  readonly number: number;
  readonly row: number;
}

/** Rows of a bite; of the second kind each costs a search of its own. */
const [scanned, looked] = [4000, 500];
/** Without a key, rows are compared one by one: so not with all of a part at once. */
const scan = `SELECT * FROM events WHERE id >= @rest AND id < @top AND at >= @since AND at <= @until
  AND (@kind IS NULL OR kind = @kind) ORDER BY id DESC`;

const form = /^(\d{4}-\d{2}-\d{2})\.(\d{1,3})\.(\d{1,15})$/;
const day = 86_400_000;

function parsePlace(text: string | undefined): Place | undefined {
  const [, date = "", number = "", row = ""] = form.exec(text ?? "") ?? [];
  const begins = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(begins) ? undefined : { begins, number: Number(number), row: Number(row) };
}

function formatPlace({ begins, number }: Part, row: number): string {
  return `${new Date(begins).toISOString().slice(0, 10)}.${number}.${row}`;
}

/** Reads a page. */
export function browseJournal(folder: string, browsing: Browsing): Browsed {
  const { since, until, limit, patience } = browsing;
  const place = parsePlace(browsing.from);
  const end = performance.now() + patience;
  const unread: Unread[] = [];
  const events: MailEvent[] = [];
  const parts = partsIn(folder)
    .filter((part) => part.begins + day > since && part.begins <= until && isNotAfter(part, place))
    .toReversed();
  for (const [i, part] of parts.entries()) {
    if (i > 0 && performance.now() > end) {
      return { events, next: formatPlace(part, newest), isCut: true, unread };
    }
    const below = place?.begins === part.begins && place.number === part.number ? place.row : newest;
    const stop = readInto(part, below, browsing, end, events, unread);
    if (stop !== undefined) {
      return { events, next: formatPlace(part, stop), isCut: events.length < limit, unread };
    }
  }
  return { events, next: undefined, isCut: false, unread };
}

function isNotAfter({ begins, number }: Part, place: Place | undefined): boolean {
  return place === undefined || begins < place.begins || (begins === place.begins && number <= place.number);
}

/** @returns the row above which it had to stop; undefined: the part is at its end */
function readInto(
  part: Part,
  below: number,
  browsing: Browsing,
  end: number,
  events: MailEvent[],
  unread: Unread[],
): number | undefined {
  let database: Database.Database | undefined;
  try {
    database = readPart(part.path);
    const { wanted } = browsing;
    const bite = wanted === undefined ? scanner(database, browsing) : finder(database, wanted, browsing);
    for (let next = below; next > 0;) {
      const { rows, rest } = bite(next);
      for (const row of rows) {
        events.push(eventOfRow(row));
        if (events.length >= browsing.limit) {
          return row.id;
        }
      }
      next = rest;
      if (next > 0 && performance.now() > end) {
        return next;
      }
    }
  } catch (error) {
    unread.push({ path: part.path, why: errorMessage(error) });
  } finally {
    database?.close();
  }
  return undefined;
}

type IdRow = Row & { readonly id: number };
/** Rows that are wanted, and below which id the next bite begins; 0: there is none. */
interface Bite {
  readonly rows: Iterable<IdRow>;
  readonly rest: number;
}
type Bites = (below: number) => Bite;

/** Of a part without a key. */
function scanner(database: Database.Database, { kind, since, until }: Browsing): Bites {
  const rows = database.prepare<[Record<string, number | string | null>], IdRow>(scan);
  const last = database.prepare<[], number>("SELECT coalesce(max(id), 0) FROM events").pluck().get() ?? 0;
  return (below) => {
    const top = Math.min(below, last + 1);
    const rest = Math.max(0, top - scanned);
    return { rows: rows.iterate({ rest, top, since, until, kind: kind ?? null }), rest };
  };
}

/** Of what has one of the keys. */
function finder(database: Database.Database, wanted: Wanted, { kind, since, until }: Browsing): Bites {
  const get = database.prepare<[number], IdRow>("SELECT * FROM events WHERE id = ?");
  const isWanted = (row: IdRow | undefined): row is IdRow =>
    row !== undefined &&
    (kind === undefined || row.kind === kind) &&
    Number(row.at) >= since &&
    Number(row.at) <= until &&
    wanted.fits(eventOfRow(row));
  return (below) => {
    const ids = idsWith(database, wanted.keys, below, looked);
    return { rows: ids.map((id) => get.get(id)).filter(isWanted), rest: ids.length < looked ? 0 : (ids.at(-1) ?? 0) };
  };
}
