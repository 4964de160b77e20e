/** All entries of one collection of Microsoft Graph, compared with its own count. */
import { type Batch, type Hint, SourceFault } from "../source.ts";
import { batchOf } from "./graph-entries.ts";
import { at, type Collection, linkIn, type Reader } from "./graph-reader.ts";
import { itemsOf, type Page, readPages } from "./web-pages.ts";

/** Entries by which its count, which lags behind, may differ: so many, … */
const countSlack = 3;
/** … or this part of it. */
const countShare = 0.01;

/** Page by page. @throws SourceFault if it is not complete */
export async function* readCollection(reader: Reader, collection: Collection): AsyncGenerator<Batch> {
  const { name, select } = collection;
  let [counted, given] = [0, 0];
  const fetch = async (place: string): Promise<Page> => {
    const body = await reader.api.get(new URL(place, reader.base));
    const { "@odata.count": count } = body;
    counted = typeof count === "number" ? Math.max(counted, count) : counted;
    return { items: itemsOf(body["value"], name), next: linkIn(body, "@odata.nextLink", name) };
  };
  const first = at(reader, `${name}?$select=${select}&$top=${reader.pageSize}&$count=true`);
  for await (const items of readPages({ name, first, fetch, limits: reader.limits })) {
    given += items.length;
    yield batchOf(items, collection, reader.rules);
  }
  const hints = countHint(counted, given, name);
  if (hints.length > 0) {
    yield { entries: 0, found: [], skipped: {}, hints };
  }
}

/** @throws SourceFault "incomplete" if entries are missing that the server counted */
function countHint(counted: number, given: number, name: string): Hint[] {
  const missing = counted - given;
  const text = `the server counts ${counted} ${name}, and gave ${given}`;
  if (missing > Math.max(countSlack, counted * countShare) || missing > given) {
    throw new SourceFault("incomplete", `${text}: the list is incomplete`);
  }
  return missing > 0 ? [{ level: "warning", text }] : [];
}
