/**
 * Misbehaviour that the embedded directory can be configured to show. For tests of what a sync does with a list that is
 * incomplete; the demo sets none. Pages count from 1 within one search; a search without paging is one page.
 */
import type { IndexedEntry } from "./entries.ts";
import type { Search } from "./messages.ts";

/** The input of {@link DirectoryFaults.page}. */
export interface PageFacts {
  /** From 1. */
  readonly page: number;
  readonly search: Search;
  /** The name that the client has bound with; "" is anonymous. */
  readonly boundAs: string;
}

/** All are optional and may be changed while the directory runs: the next request sees it. */
export interface DirectoryFaults {
  /** The first page has no entries, but a cookie, as 389 Directory Server does. Needs paging. */
  emptyFirstPage?: boolean | undefined;
  /** This page ends with success and without the paging control: the list stops short. */
  dropControlAtPage?: number | undefined;
  /** This page ends with another result code, after its entries unless `empty`. */
  resultCodeAtPage?:
    | { readonly page: number; readonly code: number; readonly message?: string; readonly empty?: boolean }
    | undefined;
  /** Every page has the cookie of the second one: a client that does not notice reads for ever. */
  sameCookie?: boolean | undefined;
  /** This page has a continuation reference besides its entries. */
  referralAtPage?: { readonly page: number; readonly url: string } | undefined;
  /** The connection breaks after so many entries of the search. */
  cutAtEntry?: number | undefined;
  /** This page is never answered; the connection stays open. */
  hangAtPage?: number | undefined;
  /** This page is answered with these bytes. */
  garbageAtPage?: { readonly page: number; readonly bytes: Buffer } | undefined;
  /** The directory does not know paging: not announced, ignored unless critical. */
  withoutPaging?: boolean | undefined;
  /** Paging is announced and ignored: everything comes at once, without the control. */
  ignorePaging?: boolean | undefined;
  /** Replaces the entries of a page. */
  page?: ((entries: readonly IndexedEntry[], facts: PageFacts) => readonly IndexedEntry[]) | undefined;
}
