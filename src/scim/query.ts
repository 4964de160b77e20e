/** GET of several resources: filter, pages. RFC 7644 3.4.2. */
import { setImmediate as nextTurn } from "node:timers/promises";

import { listResponse, mostResults } from "./discovery.ts";
import { ScimFault } from "./fault.ts";
import { parseFilter } from "./filter.ts";
import type { Filter } from "./filter.ts";
import type { JsonObject } from "./json.ts";
import { matches } from "./match.ts";
import { presentResource, projectResource } from "./resource.ts";
import type { ResourceKind, Stored } from "./resource.ts";
import type { ScimStore } from "./store.ts";

/** Resources that are tried in one go, while all others wait. */
const atOnce = 500;
/** ms that a filter without an index may take. */
const patience = 5000;
const usualCount = 100;

/** What the query string says. */
export interface Query {
  readonly filter: Filter | undefined;
  /** From 1 on. */
  readonly startIndex: number;
  readonly count: number;
  readonly attributes: readonly string[];
  readonly excluded: readonly string[];
}

/** Reads it. @throws ScimFault */
export function readQuery(parameters: URLSearchParams): Query {
  const filter = parameters.get("filter");
  const names = (key: string): string[] =>
    (parameters.get(key) ?? "")
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean);
  return {
    filter: filter === null || filter.trim() === "" ? undefined : parseFilter(filter),
    startIndex: Math.max(1, numberOf(parameters, "startIndex", 1)),
    count: Math.min(mostResults, Math.max(0, numberOf(parameters, "count", usualCount))),
    attributes: names("attributes"),
    excluded: names("excludedAttributes"),
  };
}

function numberOf(parameters: URLSearchParams, key: string, usual: number): number {
  const text = parameters.get(key) ?? "";
  if (text !== "" && !/^-?\d{1,9}$/.test(text)) {
    throw new ScimFault(400, `${key} must be a number`, "invalidValue");
  }
  return text === "" ? usual : Number(text);
}

/** The page that is asked for. @param base URL of the service @throws ScimFault "tooMany" if the search takes too long */
export async function search(store: ScimStore, kind: ResourceKind, query: Query, base: string): Promise<JsonObject> {
  const skip = query.startIndex - 1;
  const show = (one: Stored): JsonObject => shown(store, one, query, base);
  if (query.filter === undefined) {
    const { total, found } = store.page(kind, skip, query.count);
    return listResponse(total, query.startIndex, found.map(show));
  }
  const passed = await filtered(store, kind, query.filter, base);
  return listResponse(passed.length, query.startIndex, passed.slice(skip, skip + query.count).map(show));
}

/** A resource as a query wants to see it: members are fetched only if they are shown. */
export function shown(store: ScimStore, one: Stored, { attributes, excluded }: Query, base: string): JsonObject {
  const isNamed = (names: readonly string[]): boolean => names.some((name) => /^members(?:\.|$)/i.test(name));
  const wants = one.kind === "Group" && !isNamed(excluded) && (attributes.length === 0 || isNamed(attributes));
  const resource = presentResource(one, base, wants ? store.membersOf(one.id) : undefined);
  return projectResource(resource, attributes, excluded);
}

async function filtered(store: ScimStore, kind: ResourceKind, filter: Filter, base: string): Promise<Stored[]> {
  const withMembers = kind === "Group" && JSON.stringify(filter).toLowerCase().includes("members");
  const passes = (one: Stored): boolean =>
    matches(presentResource(one, base, withMembers ? store.membersOf(one.id) : undefined), filter);
  const indexed = store.indexed(kind, filter);
  if (indexed !== undefined) {
    return indexed.filter(passes);
  }
  const passed: Stored[] = [];
  const end = performance.now() + patience;
  for (let after = 0; ;) {
    const { last, found } = store.some(kind, after, atOnce);
    passed.push(...found.filter(passes));
    if (found.length < atOnce) {
      return passed;
    }
    if (performance.now() > end) {
      throw new ScimFault(400, "the filter takes too long: use userName, externalId or id", "tooMany");
    }
    after = last;
    await nextTurn();
  }
}
