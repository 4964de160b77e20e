/**
 * Reads a whole search, page by page. RFC 2696.
 *
 * A server may end a page early, send an empty one, ignore the control, or stop without saying so. Only result code 0
 * with an empty cookie is the end; anything else is an error. Memory is bounded by what is handed over at once.
 */
import { Control, type Filter, PagedResultsControl, SearchRequest, type SearchResponse } from "ldapts";

import { SourceFault } from "../source.ts";
import { parseFilter } from "./filter.ts";
import { requestFilter } from "./filter-encoder.ts";
import type { FoundEntry } from "./found-entry.ts";
import { referralAdvice } from "./answer-faults.ts";
import type { EntryForm, LdapConnection, Search } from "./ldap-connection.ts";
import { type Ceilings, ceilings, createGuard } from "./page-guard.ts";
import { printable } from "./printable.ts";
import { resultText } from "./result-codes.ts";

/** What to ask for. */
export interface Query {
  readonly base: string;
  readonly filter: string;
  readonly attributes: readonly string[];
  readonly scope: "base" | "sub";
  /** OIDs of controls without a value. */
  readonly controls: readonly string[];
}

const sizeLimitExceeded = new Set([3, 4, 11]);
/**
 * Entries of a page that servers give; some refuse larger ones (`size.pr` of OpenLDAP's limits), most give as many as they
 * like. Each page has to be waited for: docs/performance.md has what that costs.
 */
const certainPage = 1000;
/** Result codes of a page that is too large: operationsError, protocolError, the limits, unwillingToPerform. */
const pageRefusals = new Set([1, 2, 4, 11, 53]);
const referral = 10;
const unavailableCriticalExtension = 12;

/**
 * A request without size limit (a lower one of the server's would end in silence) and without time limit.
 * @param filter the query's, for whoever asks again and again
 */
export function searchRequest(query: Query, controls: Control[] = [], filter = filterOf(query)): SearchRequest {
  return new SearchRequest({
    messageId: 0,
    baseDN: query.base,
    scope: query.scope,
    filter,
    attributes: [...query.attributes],
    sizeLimit: 0,
    timeLimit: 0,
    controls: [...query.controls.map((oid) => new Control(oid, { critical: false })), ...controls],
  });
}

function filterOf({ filter }: Query): Filter {
  return requestFilter(parseFilter(filter));
}

/** How a search is read. */
export interface PagedOptions {
  readonly limits?: Ceilings;
  /** Not given: checked. */
  readonly form?: EntryForm;
}

/**
 * Yields entries in portions of a page at most; ends normally only when the server said that this was all.
 * @param pageSize of all pages but the first, which is of 1000 entries at most
 * @throws SourceFault "incomplete", "search", "referral" or what the connection throws
 */
export async function* pagedSearch(
  connection: LdapConnection,
  query: Query,
  pageSize: number,
  { limits = ceilings, form = "checked" }: PagedOptions = {},
): AsyncGenerator<FoundEntry[]> {
  const guard = createGuard(limits);
  const pages = new Pages(connection, query, pageSize, form);
  for (let [page, search] = [1, pages.ask()]; ; page += 1) {
    const done = yield* guard.watch(search);
    if (page === 1 && done.status === unavailableCriticalExtension && !(await offersPaging(connection))) {
      const whole = yield* guard.watch(connection.search(searchRequest(query), undefined, form));
      return checkResult(whole);
    }
    const smaller = guard.inPage() === 0 ? pages.smaller(done) : undefined;
    if (smaller !== undefined) {
      search = smaller;
      continue;
    }
    checkResult(done);
    if (pageOf(done) === undefined) {
      return await acceptUnpaged(connection, page);
    }
    const next = pages.next();
    if (next === undefined) {
      return;
    }
    guard.nextPage(page);
    search = next;
  }
}

/** Asks for one page after another. */
class Pages {
  readonly #connection: LdapConnection;
  readonly #query: Query;
  readonly #filter: Filter;
  readonly #form: EntryForm;
  readonly #first: number;
  #larger: number;
  #size: number;
  #cookie: Buffer = Buffer.alloc(0);
  #next: Search | undefined;

  constructor(connection: LdapConnection, query: Query, pageSize: number, form: EntryForm) {
    this.#connection = connection;
    this.#query = query;
    this.#filter = filterOf(query);
    this.#form = form;
    this.#first = Math.min(pageSize, certainPage);
    this.#size = this.#first;
    this.#larger = pageSize;
  }

  ask(): Search {
    this.#next = undefined;
    const control = new PagedResultsControl({ critical: false, value: { size: this.#size, cookie: this.#cookie } });
    const atEnd = (done: SearchResponse): void => {
      // Before the last entries of this page are handed over: both work at the same time.
      const more = pageOf(done)?.cookie;
      if (done.status === 0 && more !== undefined && more.length > 0) {
        [this.#size, this.#cookie] = [this.#larger, more];
        this.#next = this.ask();
      }
    };
    return this.#connection.search(searchRequest(this.#query, [control], this.#filter), atEnd, this.#form);
  }

  /** The page behind the one that was read, which has been asked for; undefined: that was the last one. */
  next(): Search | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  /** The same page again, if it was refused and may have been too large. */
  smaller({ status }: SearchResponse): Search | undefined {
    if (!pageRefusals.has(status) || this.#size <= this.#first) {
      return undefined;
    }
    this.#size = this.#first;
    this.#larger = this.#first;
    return this.ask();
  }
}

function pageOf(done: SearchResponse): PagedResultsControl["value"] {
  return done.controls?.find((other) => other instanceof PagedResultsControl)?.value;
}

/** An answer without the control is the complete list only if the server does not know the control. */
async function acceptUnpaged(connection: LdapConnection, page: number): Promise<void> {
  if (page > 1) {
    throw new SourceFault(
      "incomplete",
      `The server dropped the page control at page ${page}: the list may be incomplete`,
    );
  }
  if (await offersPaging(connection)) {
    throw new SourceFault(
      "incomplete",
      "The server offers pages and answered without them: the list may be incomplete",
    );
  }
}

/** Asks the root DSE whether the server offers the control. RFC 4512 5.1. */
async function offersPaging(connection: LdapConnection): Promise<boolean> {
  const rootDse: Query = {
    base: "",
    scope: "base",
    filter: "(objectClass=*)",
    attributes: ["supportedControl"],
    controls: [],
  };
  const search = connection.search(searchRequest(rootDse));
  const offered: string[] = [];
  let entries = 0;
  for (;;) {
    const step = await search.next();
    if (step.done === true) {
      checkResult(step.value);
      break;
    }
    entries += step.value.length;
    for (const entry of step.value) {
      const attributes = entry.attributes.filter(({ type }) => type.toLowerCase() === "supportedcontrol");
      offered.push(...attributes.flatMap(({ values }) => values));
    }
  }
  if (entries === 0) {
    throw new SourceFault(
      "incomplete",
      "The server answered without pages, and hides whether it offers them (supportedControl)",
    );
  }
  return offered.includes(PagedResultsControl.type);
}

/** @throws SourceFault unless the result code is 0 */
export function checkResult(done: SearchResponse): void {
  if (done.status === 0) {
    return;
  }
  const said = done.errorMessage === "" ? "" : `: ${printable(done.errorMessage)}`;
  if (done.status === referral) {
    throw new SourceFault(
      "referral",
      `The server refers to another one for the search base (result code 10)${said}; ${referralAdvice}`,
    );
  }
  if (sizeLimitExceeded.has(done.status)) {
    throw new SourceFault(
      "incomplete",
      `The server's limit ended the list early (result code ${done.status})${said}; raise it for the bind DN`,
    );
  }
  throw new SourceFault("search", `The search failed with ${resultText(done.status, done.errorMessage)}${said}`, {
    code: done.status,
  });
}
