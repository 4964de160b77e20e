/**
 * What became of addresses that a tenant had: each is asked for by itself, in every collection, without the list. An
 * object that has it still was lost by the list; that none has it is the tenant's own word.
 */
import type { Fate, LostAddress } from "../source.ts";
import { batchOf } from "./graph-entries.ts";
import { at, type Collection, collections, isWithheld, type Reader } from "./graph-reader.ts";
import { itemsOf } from "./web-pages.ts";

/** Objects that may have one address; more are not read. */
const most = 10;
/** Terms of one filter, https://learn.microsoft.com/graph/aad-advanced-queries: Graph takes no more than 15. */
const mostTerms = 15;

/** Asks about each. @throws SourceFault if the tenant does not say */
export async function lookAtTenant(reader: Reader, lost: readonly LostAddress[]): Promise<(Fate | undefined)[]> {
  const fates: (Fate | undefined)[] = [];
  for (const { key } of lost) {
    fates.push(key.includes("@") ? await fateOf(reader, key) : undefined);
  }
  return fates;
}

async function fateOf(reader: Reader, key: string): Promise<Fate | undefined> {
  let isKnown = true;
  for (const collection of collections) {
    try {
      if (await hasIt(reader, collection, key)) {
        return "there";
      }
    } catch (fault) {
      if (!isWithheld(fault, collection)) {
        throw fault;
      }
      // The list had no contacts either, unless the tenant began to keep them to itself: then nobody can tell.
      isKnown = false;
    }
  }
  return isKnown ? "left" : undefined;
}

/** Whether an object of the collection gives this key, by the rules of the list. */
async function hasIt(reader: Reader, collection: Collection, key: string): Promise<boolean> {
  const { name, select } = collection;
  const filters = reader.rules.scope.spellings(key).flatMap((address) => {
    // OData doubles a quote within a text.
    const text = address.replaceAll("'", "''");
    return [
      `mail eq '${text}'`,
      `proxyAddresses/any(p:p eq 'smtp:${text}')`,
      ...(name === "users" ? [`userPrincipalName eq '${text}'`] : []),
    ];
  });
  for (let from = 0; from < filters.length; from += mostTerms) {
    const filter = encodeURIComponent(filters.slice(from, from + mostTerms).join(" or "));
    const place = at(reader, `${name}?$select=${select}&$top=${most}&$count=true&$filter=${filter}`);
    const body = await reader.api.get(new URL(place));
    const { found } = batchOf(itemsOf(body["value"], name), collection, reader.rules);
    if (found.some((one) => one.key === key)) {
      return true;
    }
  }
  return false;
}
