/** One client's searches in the embedded directory: finding, paging, limits, and the errors that tests ask for. */
import { createHash } from "node:crypto";

import { findEntries, indexEntry, namingContexts, readPath, selectAttributes } from "./entries.ts";
import { codes, pagedResults, readPage, writeEntry, writeReference } from "./messages.ts";
import type { IndexedEntry } from "./entries.ts";
import type { DirectoryFaults } from "./faults.ts";
import type { Control, PageRequest, Result, Search } from "./messages.ts";

/** What a search may use. */
export interface SearchContext {
  readonly entries: readonly IndexedEntry[];
  readonly faults: DirectoryFaults;
  /** Most entries of one search over all its pages; 0 is not a limit. */
  readonly sizeLimit: number;
  readonly boundAs: string;
  /** Found entries of the last paged search, so that a page does not search again. */
  found?: { readonly search: string; readonly entries: readonly IndexedEntry[] };
}

/** What is written to the client, in order: messages, then the result. Undefined: nothing more, ever. */
export interface SearchAnswer {
  readonly messages: Iterable<Buffer>;
  readonly result: Result | undefined;
  /** The connection breaks here. */
  readonly cut?: boolean;
  /** Written as it is in place of the result. */
  readonly garbage?: Buffer;
}

/** The part of a list that one page shows. */
interface Page {
  readonly number: number;
  readonly from: number;
  readonly to: number;
  readonly cookie: Buffer | undefined;
}

const nothing: readonly Buffer[] = [];

/** The entry that describes the server itself. RFC 4512 5.1. */
export function rootEntry(entries: readonly IndexedEntry[], faults: DirectoryFaults): IndexedEntry {
  return indexEntry({
    dn: "",
    attributes: {
      objectClass: ["top"],
      namingContexts: namingContexts(entries),
      supportedLDAPVersion: ["3"],
      supportedControl: faults.withoutPaging === true ? [] : [pagedResults],
      vendorName: ["goodmailto demo directory"],
    },
  });
}

/** Answers a search. @throws BerFault if a control is malformed */
export function answerSearch(
  id: number,
  search: Search,
  controls: readonly Control[],
  context: SearchContext,
): SearchAnswer {
  const { faults } = context;
  const known = (type: string): boolean => type === pagedResults && faults.withoutPaging !== true;
  const foreign = controls.find(({ critical, type }) => critical && !known(type));
  if (foreign !== undefined) {
    return fail(codes.unavailableCriticalExtension, `Control ${foreign.type} is not supported`);
  }
  const request = faults.withoutPaging === true || faults.ignorePaging === true ? undefined : readPage(controls);
  const key = searchKey(search);
  const found = findFor(search, key, context);
  if (found === undefined) {
    return fail(codes.noSuchObject, `There is no "${search.base}"`);
  }
  const page = cutPage(found.length, key, request, faults);
  if (page === undefined) {
    return fail(codes.unwillingToPerform, "The cookie belongs to another search");
  }
  return showPage(id, search, found, page, context);
}

function fail(code: number, message: string): SearchAnswer {
  return { messages: nothing, result: { code, message } };
}

/** Names a search, so that a cookie fits no other one. */
function searchKey(search: Search): string {
  const { base, scope, filter, attributes } = search;
  return createHash("sha256")
    .update(JSON.stringify([base, scope, filter, attributes]))
    .digest("hex")
    .slice(0, 16);
}

function findFor(search: Search, key: string, context: SearchContext): readonly IndexedEntry[] | undefined {
  const base = readPath(search.base);
  if (base.length === 0 && search.scope === "base") {
    return findEntries([rootEntry(context.entries, context.faults)], base, "base", search.filter);
  }
  if (context.found?.search === key) {
    return context.found.entries;
  }
  const entries = findEntries(context.entries, base, search.scope, search.filter);
  if (entries !== undefined) {
    context.found = { search: key, entries };
  }
  return entries;
}

/** A cookie says where the next page begins: `key.page.offset`. Undefined if it fits not. */
function cutPage(
  total: number,
  key: string,
  request: PageRequest | undefined,
  faults: DirectoryFaults,
): Page | undefined {
  if (request === undefined) {
    return { number: 1, from: 0, to: total, cookie: undefined };
  }
  const match = /^([0-9a-f]{16})\.(\d{1,9})\.(\d{1,9})$/.exec(request.cookie.toString("latin1"));
  if (request.cookie.length > 0 && match?.[1] !== key) {
    return undefined;
  }
  const number = Number(match?.[2] ?? 1);
  const from = Number(match?.[3] ?? 0);
  if (request.size === 0 && request.cookie.length > 0) {
    // The client gives up a paged search. RFC 2696 3.
    return { number, from, to: from, cookie: Buffer.alloc(0) };
  }
  const hollow = faults.emptyFirstPage === true && number === 1;
  const to = hollow ? 0 : Math.min(total, from + (request.size > 0 ? request.size : total));
  const next = faults.sameCookie === true && number > 1 ? `${key}.${number}.${from}` : `${key}.${number + 1}.${to}`;
  const last = to >= total && !hollow && faults.sameCookie !== true;
  return { number, from, to, cookie: Buffer.from(last ? "" : next) };
}

function showPage(
  id: number,
  search: Search,
  found: readonly IndexedEntry[],
  page: Page,
  context: SearchContext,
): SearchAnswer {
  const { faults, boundAs, sizeLimit } = context;
  const { number } = page;
  if (faults.hangAtPage === number) {
    return { messages: nothing, result: undefined };
  }
  if (faults.garbageAtPage?.page === number) {
    return { messages: nothing, result: undefined, garbage: faults.garbageAtPage.bytes };
  }
  const room = roomOf(search, page, sizeLimit);
  const over = page.to > room;
  const cut = faults.cutAtEntry !== undefined && page.to >= faults.cutAtEntry;
  const to = Math.min(page.to, room, cut ? (faults.cutAtEntry ?? 0) : Infinity);
  const fault = faults.resultCodeAtPage?.page === number ? faults.resultCodeAtPage : undefined;
  let entries = fault?.empty === true ? [] : found.slice(page.from, Math.max(page.from, to));
  entries = [...(faults.page?.(entries, { page: number, search, boundAs }) ?? entries)];
  const reference = faults.referralAtPage?.page === number ? faults.referralAtPage.url : undefined;
  const messages = writeEntries(id, search, entries, reference);
  if (cut) {
    return { messages, result: undefined, cut };
  }
  if (fault !== undefined) {
    return { messages, result: { code: fault.code, message: fault.message ?? "" } };
  }
  if (over) {
    return { messages, result: { code: codes.sizeLimitExceeded, cookie: page.cookie && Buffer.alloc(0) } };
  }
  return {
    messages,
    result: { code: codes.success, cookie: faults.dropControlAtPage === number ? undefined : page.cookie },
  };
}

/** The client's limit counts within a page, the server's over all pages, as OpenLDAP does. */
function roomOf(search: Search, page: Page, sizeLimit: number): number {
  const ofPage = search.sizeLimit > 0 ? page.from + search.sizeLimit : Infinity;
  return Math.min(ofPage, sizeLimit > 0 ? sizeLimit : Infinity);
}

function* writeEntries(
  id: number,
  search: Search,
  entries: readonly IndexedEntry[],
  reference: string | undefined,
): Iterable<Buffer> {
  for (const entry of entries) {
    yield writeEntry(id, entry.dn, selectAttributes(entry, search.attributes), search.typesOnly);
  }
  if (reference !== undefined) {
    yield writeReference(id, reference);
  }
}
