/**
 * What changed in a tenant: delta queries, whose last page names the link from which the next changes are given.
 * https://learn.microsoft.com/graph/delta-query-overview
 */
import { type Batch, SourceFault } from "../source.ts";
import { batchOf } from "./graph-entries.ts";
import { deltaMark, type Links, readLinks } from "./graph-marks.ts";
import { readCollection } from "./graph-list.ts";
import { at, type Collection, collections, isWithheld, linkIn, type Reader } from "./graph-reader.ts";
import type { JsonObject } from "./web-answer.ts";
import { Refusal } from "./web-api.ts";
import { itemsOf, type Page, readPages } from "./web-pages.ts";

/** Statuses of a tenant that has no delta queries, such as one of External ID, or does not allow them. */
const without = new Set([400, 403, 404, 501]);

/** From where changes are given now; undefined if the tenant cannot tell (External ID, B2C). */
export async function latestLink(reader: Reader, { name, select }: Collection): Promise<string | undefined> {
  try {
    const pages = readDelta(reader, name, at(reader, `${name}/delta?$select=${select}&$deltatoken=latest`));
    for (;;) {
      const step = await pages.next();
      if (step.done === true) {
        return step.value;
      }
    }
  } catch (fault) {
    if (fault instanceof Refusal && without.has(fault.code ?? 0)) {
      return undefined;
    }
    throw fault;
  }
}

/** Pages of changes; @returns the link from which the next ones are given */
async function* readDelta(
  { api, base, limits }: Reader,
  name: string,
  first: string,
): AsyncGenerator<readonly JsonObject[], string> {
  let last = "";
  const fetch = async (place: string): Promise<Page> => {
    const body = await api.get(new URL(place, base));
    const next = linkIn(body, "@odata.nextLink", name);
    last = linkIn(body, "@odata.deltaLink", name) ?? "";
    if (next === undefined && last === "") {
      throw new SourceFault("incomplete", `${name}: the changes end without a link to the next ones`);
    }
    return { items: itemsOf(body["value"], name), next };
  };
  yield* readPages({ name, first, fetch, repeats: true, limits });
  return last;
}

/** What is new since the mark, with the next mark. @throws SourceFault */
export async function* readTenantChanges(reader: Reader, place: string, reached: string): AsyncGenerator<Batch> {
  const before: Links = readLinks(place, reached);
  const links: Record<string, string> = {};
  for (const collection of collections) {
    const { name } = collection;
    const from = before[name];
    if (from === undefined) {
      continue;
    }
    try {
      links[name] = yield* readChangesOf(reader, collection, from);
    } catch (fault) {
      if (isWithheld(fault, collection)) {
        links[name] = from;
        continue;
      }
      if (!isStale(fault)) {
        throw fault;
      }
      // The token has expired, after seven days: everything is read, of which what is new counts.
      const fresh = await latestLink(reader, collection);
      yield* readCollection(reader, collection);
      links[name] = fresh ?? from;
    }
  }
  yield { entries: 0, found: [], skipped: {}, reached: deltaMark(place, links) };
}

async function* readChangesOf(reader: Reader, collection: Collection, from: string): AsyncGenerator<Batch, string> {
  const pages = readDelta(reader, collection.name, new URL(from, reader.base).href);
  for (;;) {
    const step = await pages.next();
    if (step.done === true) {
      return step.value;
    }
    yield batchOf(
      step.value.filter((item) => item["@removed"] === undefined),
      collection,
      reader.rules,
    );
  }
}

function isStale(fault: unknown): boolean {
  return (
    fault instanceof Refusal &&
    (fault.code === 410 || (fault.code === 400 && /sync_?state|resync|delta_?token/i.test(fault.word)))
  );
}
