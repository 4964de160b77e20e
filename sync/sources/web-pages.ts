/**
 * Reads a list that a server gives page by page. A server may send an empty page, the same one again, or pages without
 * an end; only its own word ends the list.
 */
import { hash } from "node:crypto";

import { SourceFault } from "../source.ts";
import { type Ceilings, ceilings } from "./page-guard.ts";
import { type JsonObject, objectOf, textOf } from "./web-answer.ts";

/** One page. */
export interface Page {
  readonly items: readonly JsonObject[];
  /** Where the next one is; undefined: this was the last. */
  readonly next: string | undefined;
}

/** How pages are read. */
export interface Paging {
  /** For messages: "users". */
  readonly name: string;
  readonly first: string;
  readonly fetch: (place: string) => Promise<Page>;
  /** Pages may repeat entries: a list of changes does. */
  readonly repeats?: boolean;
  readonly limits?: Ceilings;
}

/** Every page up to the last. @throws SourceFault "incomplete", and what `fetch` throws */
export async function* readPages({
  name,
  first,
  fetch,
  repeats = false,
  limits = ceilings,
}: Paging): AsyncGenerator<readonly JsonObject[]> {
  const seen = new Set<string>();
  let [pages, entries, empty] = [0, 0, 0];
  const isNew = (text: string): boolean => {
    const mark = hash("sha256", text, "base64");
    return !seen.has(mark) && seen.add(mark) !== undefined;
  };
  const refuse = (isWrong: boolean, text: string): void => {
    if (isWrong) {
      throw new SourceFault("incomplete", `${name}: ${text}: the list never ends`);
    }
  };
  for (let place: string | undefined = first; place !== undefined;) {
    refuse(!isNew(`place ${place}`), "the server names a page again that was read already");
    const { items, next }: Page = await fetch(place);
    const [head] = items;
    refuse(
      !repeats && head !== undefined && !isNew(`entry ${textOf(head["id"])}`),
      "the server sends the same page again and again",
    );
    pages += 1;
    entries += items.length;
    empty = items.length === 0 ? empty + 1 : 0;
    refuse(entries > limits.entries, `more than ${limits.entries} entries`);
    refuse(empty >= limits.emptyPages, `${empty} empty pages one after the other`);
    refuse(next !== undefined && pages >= limits.pages, `more than ${limits.pages} pages`);
    yield items;
    place = next;
  }
}

/**
 * The entries of a page.
 * @throws SourceFault "format" if they are no list of objects, each with its id: an entry that cannot be read may be a
 * recipient
 */
export function itemsOf(value: unknown, name: string): readonly JsonObject[] {
  const items = Array.isArray(value) ? value : [undefined];
  return items.map((one) => {
    const item = objectOf(one);
    if (item === undefined || textOf(item["id"]) === "") {
      throw new SourceFault("format", `${name}: a page is not a list of entries with an id`);
    }
    return item;
  });
}

/** Values of a property that has one text, several, or none. @throws SourceFault "format" if it is anything else */
export function valuesIn(item: JsonObject, property: string): readonly string[] {
  const value = item[property] ?? [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!values.every((one) => typeof one === "string")) {
    throw new SourceFault("format", `${property} of ${textOf(item["id"])} is not a text`);
  }
  return values.filter((one) => one !== "");
}
