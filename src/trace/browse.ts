/** The journal as somebody leafs through it: a page of events, the newest first, and where the next page begins. */
import type Database from "better-sqlite3";

import { errorMessage } from "../report/error-message.ts";
import type { EventKind, MailEvent } from "../report/event.ts";
import { eventOfRow } from "./event-row.ts";
import type { Row } from "./event-row.ts";
import { readPart } from "./part-file.ts";
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
  /** ms that it may take. */
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

/** A place in the journal: the part of a day, and a row of it. */
interface Place {
  readonly begins: number;
  readonly number: number;
  readonly row: number;
}

const form = /^(\d{4}-\d{2}-\d{2})\.(\d{1,3})\.(\d{1,15})$/;
const day = 86_400_000;
/** Rows between two looks at the clock. */
const lookEvery = 256;

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
  const parts = partsIn(folder).filter(
    (part) => part.begins + day > since && part.begins <= until && isNotAfter(part, place),
  );
  for (const part of parts.toReversed()) {
    const below = place?.begins === part.begins && place.number === part.number ? place.row : Number.MAX_SAFE_INTEGER;
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

/** @returns the row at which it had to stop; undefined: the part is at its end */
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
    let looked = 0;
    for (const row of rowsOf(database, below, browsing)) {
      const event = eventOfRow(row);
      if (browsing.wanted?.fits(event) !== false) {
        events.push(event);
      }
      if (events.length >= browsing.limit || (++looked % lookEvery === 0 && performance.now() > end)) {
        return row.id;
      }
    }
  } catch (error) {
    unread.push({ path: part.path, why: errorMessage(error) });
  } finally {
    database?.close();
  }
  return undefined;
}

function rowsOf(
  database: Database.Database,
  below: number,
  { wanted, kind, since, until }: Browsing,
): IterableIterator<Row & { readonly id: number }> {
  const keys = wanted === undefined ? [] : [...new Set(wanted.keys)];
  const marks = keys.map(() => "?").join(", ");
  const found = wanted === undefined ? "" : `AND id IN (SELECT event FROM keys WHERE key IN (${marks}))`;
  const ofKind = kind === undefined ? "" : "AND kind = ?";
  return database
    .prepare<(number | string)[], Row & { readonly id: number }>(
      `SELECT * FROM events WHERE id < ? AND at >= ? AND at <= ? ${found} ${ofKind} ORDER BY id DESC`,
    )
    .iterate(below, since, until, ...keys, ...(kind === undefined ? [] : [kind]));
}
