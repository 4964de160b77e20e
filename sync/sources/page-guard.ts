/** Ends the reading of a search that would never end by itself. */
import { SourceFault } from "../source.ts";
import type { Search } from "./ldap-connection.ts";

/** Where a loop ends that a server never would. */
export interface Ceilings {
  readonly pages: number;
  readonly entries: number;
  /** Pages without an entry, one after the other: a filter that matches little may give some hundred. */
  readonly emptyPages: number;
}

export const ceilings: Ceilings = { pages: 1_000_000, entries: 10_000_000, emptyPages: 1000 };

/** Watches over the reading of a search. */
export interface Guard {
  /** Passes entries on and counts them. */
  watch(search: Search): Search;
  /** Entries of the page that was read last. */
  inPage(): number;
  nextPage(page: number): void;
}

function endless(text: string): SourceFault {
  return new SourceFault("incomplete", `${text}: the list never ends`);
}

/**
 * Ends what would never end. The cookie proves nothing: 389 Directory Server numbers its searches with it, so every
 * page of one has the same cookie ("0"). A page that begins with an entry that began another page does.
 */
export function createGuard(limits: Ceilings): Guard {
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
    inPage: () => inPage,
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
