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
import { type LdapConnection, referralAdvice, type Search } from "./ldap-connection.ts";
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

/** Where a loop ends that a server never would. */
export interface Ceilings {
  readonly pages: number;
  readonly entries: number;
  /** Pages without an entry, one after the other: a filter that matches little may give some hundred. */
  readonly emptyPages: number;
}

export const ceilings: Ceilings = { pages: 1_000_000, entries: 10_000_000, emptyPages: 1000 };

const sizeLimitExceeded = new Set([3, 4, 11]);
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

/**
 * Yields entries in portions of a page at most; ends normally only when the server said that this was all.
 * @throws SourceFault "incomplete", "search", "referral" or what the connection throws
 */
export async function* pagedSearch(
  connection: LdapConnection,
  query: Query,
  pageSize: number,
  limits: Ceilings = ceilings,
): AsyncGenerator<FoundEntry[]> {
  const guard = createGuard(limits);
  const filter = filterOf(query);
  let next: Search | undefined;
  const ask = (cookie: Buffer): Search => {
    const control = new PagedResultsControl({ critical: false, value: { size: pageSize, cookie } });
    return connection.search(searchRequest(query, [control], filter), (done) => {
      // Before the last entries of this page are handed over: both work at the same time.
      const more = pageOf(done)?.cookie;
      next = done.status === 0 && more !== undefined && more.length > 0 ? ask(more) : undefined;
    });
  };
  for (let [page, search] = [1, ask(Buffer.alloc(0))]; ; page += 1) {
    const done = yield* guard.watch(search);
    if (page === 1 && done.status === unavailableCriticalExtension && !(await offersPaging(connection))) {
      const whole = yield* guard.watch(connection.search(searchRequest(query)));
      return checkResult(whole);
    }
    checkResult(done);
    if (pageOf(done) === undefined) {
      return await acceptUnpaged(connection, page);
    }
    if (next === undefined) {
      return;
    }
    guard.nextPage(page);
    search = next;
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

interface Guard {
  /** Passes entries on and counts them. */
  watch(search: Search): Search;
  nextPage(page: number): void;
}

function endless(text: string): SourceFault {
  return new SourceFault("incomplete", `${text}: the list never ends`);
}

/**
 * Ends what would never end. The cookie proves nothing: 389 Directory Server numbers its searches with it, so every
 * page of one has the same cookie ("0"). A page that begins with an entry that began another page does.
 */
function createGuard(limits: Ceilings): Guard {
  const firsts = new Set<string>();
  let entries = 0;
  let empty = 0;
  let inPage = 0;
  return {
    async *watch(search) {
      inPage = 0;
      for (;;) {
        const step = await search.next();
        if (step.done === true) {
          return step.value;
        }
        const [first] = step.value;
        if (inPage === 0 && first !== undefined) {
          if (firsts.has(first.name)) {
            throw endless("The server sends the same page again and again");
          }
          firsts.add(first.name);
        }
        inPage += step.value.length;
        entries += step.value.length;
        if (entries > limits.entries) {
          throw endless(`More than ${limits.entries} entries`);
        }
        yield step.value;
      }
    },
    nextPage(page) {
      empty = inPage === 0 ? empty + 1 : 0;
      if (empty >= limits.emptyPages) {
        throw endless(`${empty} empty pages one after the other`);
      }
      if (page >= limits.pages) {
        throw endless(`More than ${limits.pages} pages`);
      }
    },
  };
}
